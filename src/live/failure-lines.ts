import type { CaptureBackend } from './capture-command.js';

/** Chatter of the capture programs that explains nothing. */
const CHATTER =
  /^(Capturing on |File: |Packets|tcpdump: (listening|verbose|data link|WARNING)|\d+ packets? |dumpcap: cap_set_proc|\(?\s*$)/;

const NO_PERMISSION = /permission|not permitted|must be root/i;
const NO_DEVICE = /no such device|no device named|doesn't exist|couldn't find/i;
const DOWN = /network is down|is not up/i;
const GONE =
  /(interface|device|adapter|network)[^.\n]*(disappeared|no longer (running|exists|attached)|went down|is down)|no longer running|No such device/i;

/** Whether a running capture ended because its interface went away or down. */
export function isInterfaceGone(stderr: string): boolean {
  return GONE.test(stderr);
}

/** The one line that tells why the capture could not start, and what to do. */
export function startFailure(backend: CaptureBackend, interfaces: readonly string[], stderr: string): string {
  const names = interfaces.join(', ');
  if (backend === 'ssh') {
    return `the capture over ssh did not start: ${tellingLine(stderr) || 'ssh ended without a word'}`;
  }
  if (backend === 'command') {
    const said = tellingLine(stderr);
    const why = said === '' ? 'it ended before it wrote a capture' : said;
    return `${names}: ${why}; it must write pcap or pcapng to its standard output: ssh HOST tcpdump -i IFACE -U -w -`;
  }
  if (NO_DEVICE.test(stderr)) return `no interface ${names}; capan live --list shows those there are`;
  if (DOWN.test(stderr)) return `the interface ${names} is down; set it up: ip link set ${names} up`;
  if (NO_PERMISSION.test(stderr)) return privilegeLine(backend, names);
  return `${backend} could not capture on ${names}: ${tellingLine(stderr) || 'it ended without a word'}`;
}

/** What a program said of a capture filter that it refused. */
export function filterFailure(filter: string, stderr: string): string {
  const reason =
    /can't parse filter expression: ([^)\n]+)|: ([^:\n]*(?:syntax error|unknown|illegal)[^)\n]*)/.exec(
      stderr,
    );
  const why = reason?.[1] ?? reason?.[2] ?? tellingLine(stderr);
  return `the capture filter '${filter}' is wrong: ${why.trim()}; see man pcap-filter`;
}

/** The last line that is no chatter. */
export function tellingLine(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => !CHATTER.test(line.trim()));
  return (lines.at(-1) ?? '').trim().replace(/^\(|\)$/g, '');
}

function privilegeLine(backend: CaptureBackend, names: string): string {
  const remedy =
    backend === 'dumpcap'
      ? 'join the group that may (Debian: dpkg-reconfigure wireshark-common, then usermod -aG wireshark USER), or: setcap cap_net_raw,cap_net_admin=eip $(which dumpcap)'
      : backend === 'tcpdump'
        ? 'run as root, or: setcap cap_net_raw,cap_net_admin=eip $(which tcpdump)'
        : 'run as root, or use --backend dumpcap, which needs no root for capan itself';
  return `no permission to capture on ${names}; ${remedy}`;
}
