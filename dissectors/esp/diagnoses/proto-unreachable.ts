import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_AH, PROTOCOL_ESP } from '../../../src/wire/ip.js';
import { type IcmpError, icmpErrors, type QuotedPacket } from '../../icmp/correlator.js';
import { unrefusedSeconds, unrefusedText } from '../../icmp/shared/refused-ports.js';
import { judgedPairs } from '../shared/sa-pairs.js';

/** ICMPv6 parameter problem, unrecognized next header (RFC 4443, section 3.4). */
const V6_PARAMETER_PROBLEM = 4;
const V6_UNRECOGNIZED_NEXT_HEADER = 1;
const V6_REFUSALS_MIN = 3;

/** Where another device than the peer answers. */
const CAUSES_ON_PATH = [
  'A firewall or NAT device on the way rejects with protocol unreachable: it passes TCP, UDP and ICMP alone',
];
const STEPS_FOR_AH = [
  'On the peer: lsmod | grep ah4; modprobe ah4; ipsec verify',
  'Compare the TTL of the ICMP with that of IKE packets of the peer: is it the same host?',
  'Use ESP with authentication in place of AH, which passes no NAT and is rarely permitted',
];

type Refusal = IcmpError & { readonly quoted: QuotedPacket };

export default defineDiagnosis({
  id: 'esp.proto-unreachable',
  title: 'Peer has no ESP stack',
  severity: 'error',
  subject: 'pair',
  layer: 'tunnel-data',
  priority: 2,
  rule: 'A host answers native ESP or AH with ICMP protocol unreachable (3/2; ICMPv6: unrecognized next header, 4/1).',
  notWhen:
    'The quoted packet was not sent by the host that received the error (forged, or NAT on one layer only).',
  causes: [
    'The peer has no IPsec in its kernel, or the modules esp4, esp6, ah4 are not loaded',
    'The address belongs to another host: a NAT device or router answers instead of the gateway',
    'A firewall rejects with protocol unreachable',
  ],
  nextSteps: [
    'On the peer: lsmod | grep esp4; modprobe esp4; ipsec verify',
    'Compare the TTL of the ICMP with that of IKE packets of the peer: is it the same host?',
    'If a NAT stands in front of the peer, force UDP encapsulation: forceencaps=yes, encap = yes',
  ],
  refutedBy: 'ESP packets of the peer that answer on the same addresses',
  source:
    'RFC 792 (destination unreachable, code 2); RFC 4443, section 3.4; OSW guide, situation D (kernel modules)',
  thresholds: {
    v6Refusals: [
      V6_REFUSALS_MIN,
      'packets',
      'unrecognized next header may also be meant for a header inside a single odd packet',
    ],
  },
  fault: 'refused',
  technology: 'ipsec',
  explicitSignal: true,

  *diagnose(evidence) {
    const byPair = new Map<string, Refusal[]>();
    for (const refusal of evidence.sessions(icmpErrors).filter(isRefusal)) {
      const { source, destination, protocol } = refusal.quoted;
      const key = `${pairKey(source, destination)} ${protocol}`;
      addTo(byPair, key, refusal);
    }
    const groups = [...byPair.values()].filter(isCertain);
    for (const refusals of groups) yield problemOf(evidence, refusals);
    const refused = new Set(groups.map(([{ quoted }]) => pairKey(quoted.source, quoted.destination)));
    yield* others(evidence, refused);
  },
});

/** Pairs with native ESP that nobody refused. */
function* others(evidence: Evidence, refused: ReadonlySet<string>): Iterable<Judgement> {
  for (const { low, high, directions } of judgedPairs(evidence)) {
    const isNative = directions.some(({ nativePackets }) => nativePackets > 0);
    if (isNative && !refused.has(pairKey(low, high))) {
      yield { result: 'healthy', subject: { kind: 'pair', endpoints: [low, high] } };
    }
  }
}

function isRefusal(error: IcmpError): error is Refusal {
  const { quoted, family, type, code, meaning, isPlausible } = error;
  if (!quoted || !isPlausible) return false;
  if (quoted.protocol !== PROTOCOL_ESP && quoted.protocol !== PROTOCOL_AH) return false;
  if (meaning === 'protocol-unreachable') return true;
  return family === 6 && type === V6_PARAMETER_PROBLEM && code === V6_UNRECOGNIZED_NEXT_HEADER;
}

/** ICMPv6 may complain about a header inside the AH or behind ESP once; a missing stack complains about every packet. */
function isCertain(refusals: readonly Refusal[]): boolean {
  const [{ family }] = refusals;
  return family === 4 || refusals.reduce((sum, { count }) => sum + count, 0) >= V6_REFUSALS_MIN;
}

/** Refusals of one pair and protocol, one session an SPI. */
function problemOf(evidence: Evidence, refusals: readonly Refusal[]): Judgement {
  const [first] = refusals;
  const { source, destination, protocol } = first.quoted;
  const [low, high] = source < destination ? [source, destination] : [destination, source];
  const name = protocol === PROTOCOL_ESP ? 'ESP' : 'AH';
  const isOfPeer = refusals.every(({ reporter, quoted }) => reporter === quoted.destination);
  const isV6 = first.family === 6;
  const field = isV6 ? 'ipv6.addr' : 'ip.addr';
  const kind = isV6 ? 'icmpv6.type == 4 && icmpv6.code == 1' : 'icmp.type == 3 && icmp.code == 2';
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  const last = refusals.reduce((last, one) => (one.last.frame > last.frame ? one.last : last), first.last);
  const passage = { source, destination, stack: first.stack, last };
  const unrefused = unrefusedSeconds(evidence, passage, (one) => one.protocol === protocol);
  return {
    result: 'problem',
    subject: { kind: 'pair', endpoints: [low, high], protocol },
    confidence: 'high',
    title: isOfPeer ? `Peer has no ${name} stack` : `${first.reporter} refuses ${name} on the way`,
    ...(isOfPeer ? {} : { causes: CAUSES_ON_PATH }),
    ...(protocol === PROTOCOL_AH && { nextSteps: STEPS_FOR_AH }),
    explanation: `${first.reporter} answered ${refused} ${name} packets of ${source} with ICMP: protocol ${protocol} is unreachable.${unrefusedText(unrefused)}`,
    pair: [source, destination],
    where: isOfPeer ? 'receiver' : 'path',
    first: first.first,
    last,
    ongoingAtEnd: unrefused === 0,
    counts: { refused },
    packets: {
      of: [protocol === PROTOCOL_ESP ? 'esp' : 'ah'],
      lost: refused,
      delivered: 0,
      areRefused: true,
    },
    evidence: refusals.flatMap(({ frames, reporter, quoted, last }) =>
      [...frames.slice(0, 5), last].map((ref) => ({
        ...ref,
        summary: `${reporter}: protocol ${protocol} (${name}) unreachable at ${quoted.destination}`,
      })),
    ),
    displayFilter: `${kind} && ${field} == ${low} && ${field} == ${high}`,
    packetClass: protocol === PROTOCOL_ESP ? 'esp' : 'ah',
  };
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
