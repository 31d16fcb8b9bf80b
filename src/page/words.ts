import type { Finding, Subject, Tunnel } from '../report/report.js';

/** "vxlan 42": kind and first key. */
export function tunnelName({ kind, key }: Tunnel): string {
  const [first, ...more] = key === undefined ? [] : [key].flat();
  if (first === undefined) return kind;
  return `${kind} ${first}${more.length > 1 ? ` +${more.length}` : more.length === 1 ? ` ${more[0]}` : ''}`;
}

export function subjectText({ kind, endpoints, ...fields }: Subject): string {
  const ends = Array.isArray(endpoints) ? endpoints.map(String).join(' ↔ ') : '';
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : String(value)}`);
  return [`${kind} ${ends}`.trim(), ...rest].join(', ');
}

/** Everything in a finding by which somebody may look for it. */
export function searchText(finding: Finding): string {
  return JSON.stringify([
    finding.id,
    finding.title,
    finding.explanation,
    finding.subject,
    finding.direction,
  ]).toLowerCase();
}

const COMMANDS =
  /(?:^|[:;,]\s+|\(|`|\bsee\s+|\bwith\s+|\bby\s+)((?:sudo |kubectl |docker |oc )?(?:tcpdump|tshark|ping|ip|iptables|nft|ethtool|conntrack|ss|capan|swanctl|ipsec|dig|mtr|traceroute|tracepath|nc|birdc|vtysh|scion|scmp|curl|openssl|systemctl|journalctl|sysctl|cf|bosh|calicoctl|wg|kubectl|bridge|dmesg|chronyc|ntpq|editcap|mergecap|nslookup|arping|arp|vppctl|ovs-[a-z]+)\s+[^;`)]*)/;

/** The command in a step, where it has one. */
export function commandIn(step: string): string | null {
  const found = COMMANDS.exec(step)?.[1];
  if (found === undefined || !/\s(-|[a-z])/.test(found)) return null;
  return upToProse(found)
    .replace(/[.,;\s]+$/, '')
    .trim();
}

/** Without the words of the sentence that follow: what stands in quotes belongs to the command. */
function upToProse(text: string): string {
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (quote !== '') quote = letter === quote ? '' : quote;
    else if (letter === "'" || letter === '"') quote = letter;
    else if (/^(,\s|\s(and|to see|then|shows?|while|on the|at the|in both|or)\s)/.test(text.slice(at)))
      return text.slice(0, at);
  }
  return text;
}
