import { groupBy } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { Severity } from '../../../src/report/report.js';
import { plural } from '../../../src/wording/counts.js';
import { durationBetween } from '../../../src/wording/durations.js';
import { insideWords } from '../../../src/wording/subjects.js';
import { type ArpOwner, type ArpTakeover, arpOwners, CONTEST_SECONDS } from '../owners.js';

const RETURNS_MIN = 2;
const PROXIED_MIN = 3;
/** VRRP and CARP for IPv4 and IPv6 (RFC 9568, section 7.3), HSRP versions 1 and 2, GLBP. */
const VIRTUAL_MAC = /^(00:00:5e:00:0[12]|00:00:0c:07:ac|00:00:0c:9f:f|00:07:b4)/;

export default defineDiagnosis({
  id: 'arp.duplicate-ip',
  title: 'Two MAC addresses claim one IP address',
  severity: 'error',
  subject: 'pair',
  layer: 'link',
  priority: 2,
  rule:
    'One listener sees an IPv4 address claimed, in ARP replies or announcements, by one MAC address, within 60 s by another one, and ' +
    'within 60 s by the first one again. Error where a MAC address comes back like that at least twice in replies to the same ' +
    'host, warning where the claims are announcements, information where it comes back once.',
  notWhen:
    'The address changes hands once (failover, bonding, a replaced host). A virtual MAC address of VRRP, CARP, HSRP or GLBP takes part. ' +
    'One of the MAC addresses claims 3 addresses or more (proxy ARP), or both claim a second address together, or they differ ' +
    'in the locally administered bit alone (interfaces of one host). The claims go to different hosts. Probes claim nothing.',
  causes: [
    'Two hosts are configured with the same address, or a virtual machine was cloned with it',
    'A static address lies inside the range that a DHCP server hands out',
    'Both members of a failover pair are active (split brain)',
    'Several interfaces of one host on one network, each answering for all its addresses',
  ],
  nextSteps: [
    'arping -D -c 5 -I INTERFACE ADDRESS from a third host: more than one MAC address must not answer',
    'Find the switch ports of both MAC addresses (show mac address-table address MAC; bridge fdb show) and renumber one host',
    'If both belong to one Linux host: sysctl net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2',
  ],
  refutedBy: 'Both MAC addresses belong to one host, or to one failover group.',
  source: 'RFC 5227, sections 2.1.1 and 2.4 (conflict detection); RFC 826',
  thresholds: {
    contest: [CONTEST_SECONDS, 's', 'neighbour entries are renewed about that often'],
    returns: [RETURNS_MIN, 'returns', 'failover and failback make one'],
    proxied: [PROXIED_MIN, 'addresses', 'who answers for that many does so for others'],
  },
  fault: 'addressing',
  *diagnose(evidence) {
    const owners = evidence.sessions(arpOwners);
    const addressesOf = addressesByMac(owners);
    for (const group of bySubject(owners)) {
      const contested = group.filter((owner) => isContested(owner, addressesOf));
      const [worst] = contested.sort((a, b) => b.returns - a.returns);
      const subject = subjectOf(group[0], (stack) => insideWords(evidence.quality, stack));
      if (worst) yield problemOf(worst, subject);
      else yield { result: 'healthy', subject };
    }
  },
});

type Addresses = ReadonlyMap<string, ReadonlySet<string>>;

function addressesByMac(owners: readonly ArpOwner[]): Addresses {
  const byMac = new Map<string, Set<string>>();
  for (const { stack, address, macs } of owners) {
    for (const mac of macs) {
      const claimed = byMac.get(mac) ?? new Set();
      byMac.set(mac, claimed.add(`${stack} ${address}`));
    }
  }
  return byMac;
}

function bySubject(owners: readonly ArpOwner[]): ArpOwner[][] {
  return [...groupBy(owners, ({ stack, address }) => `${stack} ${address}`).values()];
}

function isContested({ returns, macs }: ArpOwner, addressesOf: Addresses): boolean {
  if (returns === 0) return false;
  const all = [...macs];
  if (all.some((mac) => VIRTUAL_MAC.test(mac) || (addressesOf.get(mac)?.size ?? 0) >= PROXIED_MIN))
    return false;
  const own = all.map((mac) => addressesOf.get(mac) ?? new Set<string>());
  const isShared = own.some((a, i) =>
    own.some((b, j) => i < j && [...a].filter((one) => b.has(one)).length > 1),
  );
  return !isShared && new Set(all.map(universalForm)).size > 1;
}

/** Without the bit that tells locally administered addresses (IEEE 802). */
function universalForm(mac: string): string {
  const first = Number.parseInt(mac.slice(0, 2), 16) & ~2;
  return `${first} ${mac.slice(2)}`;
}

function subjectOf({ stack, address }: ArpOwner, inside: (stack: number) => string) {
  const subject = { kind: 'pair', endpoints: [address] };
  return stack === 0 ? subject : { ...subject, inside: inside(stack).trim() };
}

function severityOf({ returns, returnsInReplies }: ArpOwner): Severity {
  if (returnsInReplies >= RETURNS_MIN) return 'error';
  return returns >= RETURNS_MIN ? 'warning' : 'info';
}

function problemOf(owner: ArpOwner, subject: Judgement['subject']): Problem {
  const { address, claims, macs, takeovers, returns, kept } = owner;
  const last = owner.last ?? kept[0];
  const first = kept[0];
  return {
    result: 'problem',
    subject,
    severity: severityOf(owner),
    confidence: owner.returnsInReplies >= RETURNS_MIN ? 'high' : 'medium',
    explanation:
      `${address} is claimed by ${[...macs].join(' and by ')}: within ${durationBetween(first.before, last.at)} it changed hands ` +
      `${plural(takeovers, 'time')}, and ${plural(returns, 'time')} a MAC address came back that had just been replaced. ` +
      'What is sent to the address reaches now one host, now the other.',
    pair: [address, address],
    where: 'sender',
    first: first.at,
    last: last.at,
    lastGood: first.before,
    ongoingAtEnd: true,
    counts: { claims, macs: macs.size, takeovers, returns },
    evidence: citations(kept, last),
    displayFilter: `arp.src.proto_ipv4 == ${address} && (arp.opcode == 2 || arp.isgratuitous)`,
  };
}

function citations(kept: readonly ArpTakeover[], last: ArpTakeover): Problem['evidence'] {
  const cited = new Map<number, Problem['evidence'][number]>();
  for (const { before, at, from, to, isReturn } of [...kept, last]) {
    if (!cited.has(before.frame)) cited.set(before.frame, { ...before, summary: `claimed by ${from}` });
    cited.set(at.frame, { ...at, summary: `claimed by ${to}${isReturn ? ' again' : ''}` });
  }
  return [...cited.values()];
}
