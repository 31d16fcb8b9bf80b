import type { SideFileReader } from './side-file-reader.js';
import type { TextFile } from './text-file.js';

// Commands that somebody pasted without what they print: a guide's own line, or a terminal that was cut.

/** Commands named in one warning. */
const NAMED_MAX = 3;
const SHOWN_MAX = 50;
const IDS_MAX = 3;

/** Programs that capture: what they print is no side file but a capture. */
const CAPTURE_PROGRAM = /\b(?:tcpdump|tshark|dumpcap|AF_PACKET)\b/;
/** A prompt, also that of a shell which counts its commands (`sg1-[~] root 26 #`). */
const PROMPTED = /^\s*(?:\[[^\]]{1,120}\]|[\w.@:~/-]{0,120})(?:\[~\] \w{1,20} \d{1,6} )?[$#>] ?(?=[a-z./])/;
/** What a line of a shell begins with where its prompt was left out. */
const PROGRAM =
  /^\s*(?:sudo |time |watch (?:-\S+ ){0,4}|nohup ){0,3}(?:apt-get|apt|bosh|calivppctl|cat|cd|cf|cfdot|chmod|curl|date|dig|docker|dpkg|echo|ethtool|gdb|grep|hping2|hping3|ip|ipsec|iptables|journalctl|kubectl|less|ls|ll|lsmod|lsns|midonet-cli|mm-ctl|mm-dpctl|mm-trace|mn-conf|modinfo|netstat|nsenter|nslookup|ntpq|ping6?|ps|pwd|route|service|show|ss|swanctl|systemctl|tail|tar|tcpdump|tshark|dumpcap|vagrant|VBoxManage|vppctl|wget|zkdump|\.\/\S{1,60})(?: |$)/;

/** What the commands of a text are good for, as a predicate; null where it holds none. */
export function bareCommands({ lines }: TextFile, readers: readonly SideFileReader[]): string | null {
  const commands = lines.flatMap(({ text }) => {
    const command = text.replace(PROMPTED, '').trim();
    // A lone # opens a remark as well as a command of root.
    const isPrompted = command !== text.trim() && !/^\s*#/.test(text);
    return isPrompted || PROGRAM.test(command) ? [command] : [];
  });
  const uses = new Map(commands.map((command) => [command, useOf(command, readers)]));
  const told = [...uses].sort(([, a], [, b]) => Number(b !== null) - Number(a !== null)).slice(0, NAMED_MAX);
  if (told.length === 0) return null;
  const words = told.map(([command, use]) => {
    const shown = command.length > SHOWN_MAX ? `${command.slice(0, SHOWN_MAX)}…` : command;
    return `"${shown}" (${use ?? 'nothing that it prints is read'})`;
  });
  return `holds ${uses.size === 1 ? 'a command' : 'commands'}, and no output that is read: ${words.join(', ')}`;
}

function useOf(command: string, readers: readonly SideFileReader[]): string | null {
  if (CAPTURE_PROGRAM.test(command)) {
    return 'it captures: give what it prints, best with -XX, or the file that -w writes';
  }
  const words = command.split(/[\s|;&'"]+/);
  const fitting = readers.filter(({ commands = [], text }) =>
    [...commands, ...(text?.words.outputOf ?? [])].some((one) => isCalledBy(one, words)),
  );
  const ids = [...new Set(fitting.flatMap(({ usedBy = [] }) => usedBy))];
  return ids.length === 0
    ? null
    : `add its output, by which ${ids.slice(0, IDS_MAX).join(', ')} ${ids.length === 1 ? 'is' : 'are'} judged`;
}

/** Whether the words of a command name another one, whatever its options and arguments are: `ip -d link` in `ip link show`. */
function isCalledBy(command: string, words: readonly string[]): boolean {
  const wanted = command.split(' ').filter((word) => /^[a-z./]/.test(word) && word !== 'vppctl');
  return wanted.every((word) => words.some((one) => one === word || one.endsWith(`/${word}`)));
}
