import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { groupBy } from '../../../src/correlate/group-by.js';
import { type HostGroup, hostGroup } from '../../../src/correlate/host-groups.js';
import { isBefore } from '../../../src/correlate/traffic.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { isQuietGroup } from '../../../src/diagnose/severity-policy.js';
import {
  bestOf,
  type FrameRef,
  isNonEmpty,
  type Moment,
  mapped,
  type NonEmpty,
} from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { durationBetween } from '../../../src/wording/durations.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { type ArpPair, arpPairs, BURST_SECONDS } from '../correlator.js';
import { unansweredByTable } from '../neighbour-judgements.js';

const REQUESTS_MIN = 3;
const SCANNED_MIN = 10;
const ANSWER_SECONDS = 1;
const UNICAST_PEERS_MIN = 2;
const INSISTENT_MIN = 5;
/** The only neighbour of a container in Cloud Foundry. */
const CONTAINER_GATEWAY = '169.254.0.1';

export default defineDiagnosis({
  id: 'arp.unanswered',
  title: 'ARP request without reply',
  severity: 'info',
  subject: 'pair',
  layer: 'link',
  priority: 1,
  rule:
    'A host asks for an address at least 3 times within 10 s, no reply follows until the capture ends, and the address sends nothing, ' +
    'neither IP nor ARP, from then on. Warning where the address is an end of a tunnel, or the only such address where the ' +
    'hosts have no tunnel and talk little else; otherwise information. A host that gets no answer from 10 addresses or more is told once. Also: the neighbour table of a host (--log, ip neigh or arp -a) has FAILED or INCOMPLETE for an address; information unless it is an end of a tunnel.',
  notWhen:
    'The capture could not show the reply: neither host is the one that captures, and no unicast packet to the asker is seen, nor is everything in the capture sent by the asker alone (a switch ' +
    'port shows the broadcasts of everybody, but not the replies). Announcements and probes ask nothing.',
  causes: [
    'The host is down, or has another address',
    'Asker and target are not on the same link: wrong VLAN, netmask, or a missing or stale neighbour or forwarding entry in an overlay',
    'A switch, hypervisor or security group drops ARP',
  ],
  nextSteps: [
    'On the asker: ip neigh show ADDRESS (FAILED or INCOMPLETE), ip route get ADDRESS, arping -c 3 -I INTERFACE ADDRESS',
    'On the target: tcpdump -eni INTERFACE arp; do the requests arrive, and does it answer?',
  ],
  refutedBy: 'A reply in a capture on the asker.',
  source: 'RFC 826; RFC 1122, section 2.3.2; MidoNet operations guide (ip neigh: REACHABLE)',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'Linux asks 3 times before it gives up'],
    within: [BURST_SECONDS, 's', 'three tries of Linux take 3 s, those of routers longer'],
    scanned: [SCANNED_MIN, 'addresses', 'scans and monitoring ask for absent hosts'],
    insistent: [
      INSISTENT_MIN,
      'requests',
      'alone in the capture: who asks that often within seconds gets no answer',
    ],
    unicastPeers: [
      UNICAST_PEERS_MIN,
      'hosts',
      'unicast from one host alone may be that of the capturing host; then information only',
    ],
  },
  fault: 'silence',
  consequenceOf: ['addressing', 'mismatch', 'tunnel-one-way'],
  *diagnose(evidence) {
    yield* unansweredByTable(evidence);
    const asked = evidence.sessions(arpPairs);
    if (asked.length === 0) return;
    const view = viewOf(evidence);
    for (const pairs of byAsker(asked)) {
      const silent = pairs.filter((pair) => isSilent(view, pair));
      const isScan = silent.length >= SCANNED_MIN;
      const told = silent.filter((pair) => pair.insistence.isBurst);
      const single = told.filter((pair) => !isScan || view.tunnelEnds.has(pair.target));
      const scanned = told.filter((pair) => !single.includes(pair));
      const seen = new Set<string>();
      for (const pair of single) {
        seen.add(pair.target);
        yield judge(evidence.quality, view, pair);
      }
      if (isNonEmpty(scanned) && sightOf(view, scanned[0]) !== 'none')
        yield scanOf(evidence.quality, scanned);
      for (const pair of pairs) {
        if (pair.replies === 0 || silent.includes(pair) || seen.has(pair.target)) continue;
        seen.add(pair.target);
        yield { result: 'healthy', subject: subjectOf(evidence.quality, pair) };
      }
    }
  },
});

/** What the capture can show. */
interface View {
  readonly quality: CaptureQuality;
  /** By address: the last sign of life, in IP or ARP. */
  readonly lastSent: ReadonlyMap<string, Moment>;
  /** By tunnel stack and address: hosts that sent unicast to it. */
  readonly heardFrom: ReadonlyMap<string, ReadonlySet<string>>;
  readonly tunnelEnds: ReadonlySet<string>;
  /** Addresses that were asked for in vain, by the group of who asks. */
  readonly silentTargets: ReadonlyMap<HostGroup, ReadonlySet<string>>;
}

function viewOf(evidence: Evidence): View {
  const { quality } = evidence;
  const lastSent = new Map<string, Moment>();
  const heardFrom = new Map<string, Set<string>>();
  const tunnelEnds = new Set<string>();
  const sent = (address: string, at: FrameRef | null): void => {
    const known = lastSent.get(address);
    if (at && !(known && isBefore(at, known))) lastSent.set(address, at);
  };
  const heard = (stack: number, to: string, from: string): void => {
    const key = `${stack} ${to}`;
    heardFrom.set(key, (heardFrom.get(key) ?? new Set()).add(from));
  };
  for (const { a, b, stack, fromA, fromB, conversations } of quality.traffic.all()) {
    sent(a, fromA.last);
    sent(b, fromB.last);
    if (fromA.packets > 0) heard(stack, b, a);
    if (fromB.packets > 0) heard(stack, a, b);
    if (conversations.some((one) => quality.protocols.isTunnel(one))) tunnelEnds.add(a).add(b);
  }
  const pairs = evidence.sessions(arpPairs);
  for (const { stack, asker, target, requests, replies, lastReply, last } of pairs) {
    if (replies > 0) heard(stack, asker, target);
    sent(target, lastReply);
    // A pair's last frame is a request of the asker, unless it is the reply.
    if (requests > 0 && last !== lastReply) sent(asker, last);
  }
  const silentTargets = new Map<HostGroup, Set<string>>();
  const view = { quality, lastSent, heardFrom, tunnelEnds, silentTargets };
  for (const pair of pairs) {
    if (!pair.insistence.isBurst || !isSilent(view, pair)) continue;
    const group = hostGroup(quality, pair.asker, pair.stack);
    silentTargets.set(group, (silentTargets.get(group) ?? new Set()).add(pair.target));
  }
  return view;
}

function byAsker(pairs: readonly ArpPair[]): ArpPair[][] {
  return [...groupBy(pairs, ({ stack, asker }) => `${stack} ${asker}`).values()];
}

/** Asked for without any sign of life since. */
function isSilent(view: View, { open, target }: ArpPair): boolean {
  if (!open.first || isGroup(target)) return false;
  const life = view.lastSent.get(target);
  return life === undefined || isBefore(life, open.first);
}

function isGroup(address: string): boolean {
  return Number(address.split('.')[0]) >= 224 || address.endsWith('.255');
}

/** Whether the capture would show the reply: surely, probably, or not. */
function sightOf(view: View, { stack, asker, target, outbound, open }: ArpPair) {
  const { quality, heardFrom } = view;
  if (outbound > 0 || quality.local.includes(asker) || quality.local.includes(target)) return 'sure';
  if (open.count >= INSISTENT_MIN && isAlone(view, asker, stack)) return 'sure';
  const peers = heardFrom.get(`${stack} ${asker}`)?.size ?? 0;
  if (peers === 0) return 'none';
  return peers >= UNICAST_PEERS_MIN ? 'sure' : 'probable';
}

/**
 * Of those that the asker has to do with, and of its network, nobody else sent anything in the capture: a switch port would
 * show the broadcasts of its neighbours too, and a host that is answered does not ask again at once.
 */
function isAlone({ quality, lastSent }: View, asker: string, stack: number): boolean {
  const group = hostGroup(quality, asker, stack);
  const isByOther = group.pairs.some(
    ({ a, b, fromA, fromB }) => (a !== asker && fromA.packets > 0) || (b !== asker && fromB.packets > 0),
  );
  if (isByOther) return false;
  for (const other of lastSent.keys()) {
    if (other !== asker && networkOf(other) === networkOf(asker)) return false;
  }
  return [...quality.linkNeighbours.pairs()].every(
    (pair) =>
      hostGroup(quality, pair.asker) !== group || (pair.asker === asker && !lastSent.has(pair.target)),
  );
}

function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}

function judge(quality: CaptureQuality, view: View, pair: ArpPair): Judgement {
  const subject = subjectOf(quality, pair);
  const { open, asker, target, lastReply, stack } = pair;
  const sight = sightOf(view, pair);
  const first = open.first;
  const last = open.last;
  if (sight === 'none' || !first || !last) {
    return insufficientData(
      subject,
      `Nothing sent to ${asker} itself is in the capture, so a reply would not be either: capture on ${asker} or ${target}.`,
    );
  }
  if (!(secondsToPause(quality, first) >= ANSWER_SECONDS)) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `The capture ends less than ${ANSWER_SECONDS} s after the first request: capture longer.`,
      neededSeconds: ANSWER_SECONDS,
    };
  }
  const since = lastReply ? `after earlier replies (${pair.replies}), ` : '';
  return {
    result: 'problem',
    subject,
    severity: severityOf(view, pair, sight === 'sure'),
    confidence: sight === 'sure' ? 'high' : 'low',
    explanation:
      `${asker} asked for the MAC address of ${target}${insideWords(quality, stack)} ${open.count} times over ` +
      `${durationBetween(first, last)}; ${since}no reply came, and ${target} sent nothing else from then on.`,
    pair: [asker, target],
    direction: { from: asker, to: target },
    where: 'unknown',
    first,
    last,
    lastGood: lastReply,
    ongoingAtEnd: true,
    counts: { requests: open.count, replies: pair.replies, targets: 1 },
    evidence: [
      ...(lastReply ? [{ ...lastReply, summary: `last reply of ${target}` }] : []),
      { ...first, summary: 'first request without reply' },
      { ...last, summary: `last request without reply (of ${open.count})` },
    ],
    displayFilter: lastReply
      ? `arp && ((arp.src.proto_ipv4 == ${asker} && arp.dst.proto_ipv4 == ${target}) || (arp.src.proto_ipv4 == ${target} && arp.dst.proto_ipv4 == ${asker}))`
      : `arp.opcode == 1 && arp.src.proto_ipv4 == ${asker} && arp.dst.proto_ipv4 == ${target}`,
  };
}

function severityOf(view: View, { stack, asker, target }: ArpPair, isSure: boolean): Severity {
  if (!isSure || stack !== 0) return 'info';
  if (view.tunnelEnds.has(target)) return 'warning';
  const { quality, tunnelEnds, silentTargets } = view;
  const group = hostGroup(quality, asker, stack);
  const isSubject =
    silentTargets.get(group)?.size === 1 &&
    !group.pairs.some(({ a, b }) => tunnelEnds.has(a) || tunnelEnds.has(b)) &&
    isQuietGroup(quality, { host: asker, stack });
  // A link-local address is often asked for only to see that it is free.
  const isProbe = target.startsWith('169.254.') && target !== CONTAINER_GATEWAY;
  return isSubject && !isProbe ? 'warning' : 'info';
}

function scanOf(quality: CaptureQuality, pairs: NonEmpty<ArpPair>): Problem {
  const [one] = pairs;
  const first = bestOf(
    mapped(pairs, ({ open, first }) => open.first ?? first),
    isBefore,
  );
  const last = bestOf(
    mapped(pairs, ({ open, last }) => open.last ?? last),
    (a, b) => isBefore(b, a),
  );
  const requests = pairs.reduce((sum, { open }) => sum + open.count, 0);
  const targets = new Set(pairs.map(({ target }) => target)).size;
  return {
    result: 'problem',
    subject: pairSubject(quality, { source: one.asker, destination: '*', stack: one.stack }),
    severity: 'info',
    confidence: 'medium',
    title: 'ARP requests for many addresses without reply',
    explanation:
      `${one.asker} asked for absent addresses, ${targets} of them${insideWords(quality, one.stack)} at least ` +
      `${REQUESTS_MIN} times within ${BURST_SECONDS} s, and got no reply: a scan, or monitoring of absent hosts.`,
    where: 'sender',
    first,
    last,
    ongoingAtEnd: true,
    counts: { requests, replies: 0, targets },
    evidence: [
      { ...first, summary: 'first request without reply' },
      { ...last, summary: 'last request without reply' },
    ],
    displayFilter: `arp.opcode == 1 && arp.src.proto_ipv4 == ${one.asker}`,
  };
}

function subjectOf(quality: CaptureQuality, { stack, asker, target }: ArpPair) {
  return pairSubject(quality, { source: asker, destination: target, stack });
}
