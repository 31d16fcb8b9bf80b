import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import type { FlowId } from '../../../src/correlate/flow-id.js';
import type { FlowDirection } from '../../../src/correlate/flow-registry.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_MILLISECOND } from '../../../src/units.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import type { EspDirection, EspPair } from '../session.js';
import { espFilter, judgedPairs } from '../shared/sa-pairs.js';

const PACKETS_MIN = 3;
const SHARE_MIN = 0.5;
/** Decryption takes far less; the margin is for busy hosts. */
const DELAY_MILLISECONDS = 5;
/** What ESP in tunnel mode adds to an inner packet, from header, padding and ICV alone to IV, padding and a long ICV. */
const OVERHEAD_BYTES_MIN = 8;
const OVERHEAD_BYTES_MAX = 100;

/** A cleartext conversation of which the capture holds one direction. */
interface OneWayFlow {
  readonly from: string;
  readonly to: string;
  readonly counted: FlowDirection;
}

export default defineDiagnosis({
  id: 'esp.decapsulated-view',
  title: 'Decrypted copies in the capture (harmless)',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Cleartext packets between hosts other than the gateways, in one direction only, as many as the ESP packets of one ' +
    'direction (at least half of them), each some bytes smaller, beginning or ending within 5 ms of that ESP.',
  notWhen: 'The cleartext goes both ways, or comes from the gateways themselves.',
  causes: [
    'Linux (NETKEY, XFRM) shows each inbound packet twice on the external interface, as ESP and decrypted, and outbound packets as ESP only',
  ],
  nextSteps: [
    'Nothing: this is no leak and no one-way traffic, but what tcpdump sees on a Linux IPsec gateway',
    'To see the cleartext of both directions: an NFLOG rule and tcpdump -i nflog:5, or capture on the inside interface',
  ],
  refutedBy:
    'A capture at the other gateway or on the way that holds the same cleartext packets: then it is a leak',
  source: 'OSW guide, situation D (NETKEY); strongSwan documentation, "Traffic dumps"',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'fewer may coincide with ESP by chance'],
    delay: [DELAY_MILLISECONDS, 'ms', 'time from the arrival of ESP to its decrypted copy'],
  },
  fault: 'remark',
  technology: 'ipsec',

  *diagnose(evidence) {
    const pairs = judgedPairs(evidence);
    if (pairs.length === 0) return;
    const flows = oneWayFlows(evidence.quality, new Set(pairs.flatMap(({ low, high }) => [low, high])));
    for (const pair of pairs) yield judge(pair, flows);
  },
});

function oneWayFlows(
  { flows }: CaptureQuality,
  gateways: ReadonlySet<string>,
): (OneWayFlow & { stack: number })[] {
  const found: (OneWayFlow & { stack: number })[] = [];
  flows.forEachConversation((flow: FlowId) => {
    const direction = flows.packetCount(flow, 0) > 0 ? 0 : 1;
    if (flows.packetCount(flow, 1 - direction) > 0 || flows.packetCount(flow, direction) === 0) return;
    const { from, to } = flows.addresses(flow, direction);
    if (gateways.has(from) || gateways.has(to)) return;
    found.push({ from, to, counted: flows.direction(flow, direction), stack: flows.stack(flow) });
  });
  return found;
}

function judge(pair: EspPair, flows: readonly (OneWayFlow & { stack: number })[]): Judgement {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  for (const direction of pair.directions) {
    const copies = flows.filter(({ stack, counted }) => stack === pair.stack && isWithin(counted, direction));
    if (areCopies(direction, copies)) return problemOf(pair, direction, copies, subject);
  }
  return { result: 'healthy', subject };
}

function isWithin(counted: FlowDirection, { first, last }: EspDirection): boolean {
  return (
    first !== null &&
    last !== null &&
    counted.firstSegment === first.segment &&
    counted.firstNs >= first.timeNs &&
    counted.lastNs <= last.timeNs + DELAY_MILLISECONDS * NS_PER_MILLISECOND
  );
}

function areCopies(direction: EspDirection, copies: readonly OneWayFlow[]): boolean {
  const { first, last } = direction;
  const packets = copies.reduce((sum, { counted }) => sum + counted.packets, 0);
  if (!first || !last || packets < PACKETS_MIN || packets > direction.packets) return false;
  if (packets < direction.packets * SHARE_MIN) return false;
  const bytes = copies.reduce((sum, { counted }) => sum + counted.bytes, 0);
  const overhead = direction.bytes / direction.packets - bytes / packets;
  if (overhead < OVERHEAD_BYTES_MIN || overhead > OVERHEAD_BYTES_MAX) return false;
  const start = Math.min(...copies.map(({ counted }) => counted.firstNs));
  const end = Math.max(...copies.map(({ counted }) => counted.lastNs));
  const delay = DELAY_MILLISECONDS * NS_PER_MILLISECOND;
  return start - first.timeNs <= delay || (end >= last.timeNs && end - last.timeNs <= delay);
}

function problemOf(
  pair: EspPair,
  direction: EspDirection,
  copies: readonly OneWayFlow[],
  subject: { readonly kind: string },
): Judgement {
  const packets = copies.reduce((sum, { counted }) => sum + counted.packets, 0);
  const [inner] = copies;
  const ends = copies.flatMap(({ counted }): FrameRef[] => [
    { frame: counted.firstFrame, timeNs: counted.firstNs, segment: counted.firstSegment },
    { frame: counted.lastFrame, timeNs: counted.lastNs, segment: counted.lastSegment },
  ]);
  const filters = [...new Set(copies.slice(0, 8).map(({ from, to }) => `(${addressFilter(from, to)})`))];
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation:
      `${packets} cleartext packets, such as from ${inner.from} to ${inner.to}, are the decrypted copies of ESP from ` +
      `${direction.from} to ${direction.to}; the other direction shows as ESP only. This is normal on a Linux gateway.`,
    pair: [pair.low, pair.high],
    direction: { from: direction.from, to: direction.to },
    where: 'receiver',
    first: ends[0] ?? pair.first,
    last: ends[ends.length - 1] ?? pair.last,
    ongoingAtEnd: true,
    counts: { copies: packets, espPackets: direction.packets },
    evidence: ends
      .slice(0, 8)
      .map((ref) => ({ ...ref, summary: 'decrypted packet, seen again behind its ESP' })),
    displayFilter: `(${espFilter(pair.low, pair.high)}) || ${filters.join(' || ')}`,
    packetClass: 'esp',
  };
}
