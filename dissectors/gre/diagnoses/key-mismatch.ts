import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { innerWays, isMirror, tunnelsInside } from '../../../src/diagnose/carried-tunnel.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import {
  type InnerRequests,
  innerRequests,
  silenceOf,
  type UnansweredStretch,
} from '../../overlay/shared/inner-requests.js';
import { greTunnels } from '../correlator.js';
import { TYPE_TRANSPARENT_ETHERNET } from '../layout.js';
import type { GreTunnel } from '../session.js';
import {
  dataPackets,
  endsOf,
  type GrePair,
  greFilter,
  grePairs,
  isMidonet,
  pairSubject,
} from '../tunnel-pairs.js';

const PACKETS_MIN = 3;
const UNANSWERED_MIN = 3;
/** Low bits of an NVGRE key: a flow id that may differ (RFC 7637, section 3.2). */
const FLOW_ID_BITS = 8;
const KEYS_NAMED_MAX = 4;

export default defineDiagnosis({
  id: 'gre.key-mismatch',
  title: 'GRE keys differ',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'Both ends send GRE for the same inner hosts (at least 3 packets each way), yet no key is used in both directions, or only ' +
    'one end sends a key at all; at least 3 inner requests stay unanswered and none is answered. Where only one end sends a key: also ' +
    'if the requests of one end alone are never answered, by hosts that ask and are answered in the other direction.',
  notWhen:
    'Inner requests of both ends are answered: then the keys differ by design (MidoNet names the receiving port by the key). ' +
    "MidoNet's flow state packets are in the tunnel. Keys of bridged traffic differ in the low 8 bits only (NVGRE flow id).",
  causes: [
    'The two ends are configured with different keys (ikey and okey not mirrored)',
    'One end uses a key, the other none: the receiver drops what does not match its own setting',
  ],
  nextSteps: [
    'Compare on both ends: ip -d link show type gre (and gretap): ikey of one must be okey of the other',
    'On Cisco and Juniper: tunnel key in the interface configuration of both ends',
    'Watch for ICMP port unreachable that quotes IP protocol 47: Linux sends it for GRE that matches no tunnel',
  ],
  refutedBy: 'Answers through the tunnel in a capture taken at one of the inner hosts.',
  source: 'RFC 2890, section 2.1; RFC 7637, section 3.2; MidoNet guide (keys per direction)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets each way', 'fewer may belong to another tunnel'],
    unanswered: [UNANSWERED_MIN, 'requests', 'a lost request or two is normal'],
  },
  fault: 'mismatch',
  technology: 'gre',
  diagnose: (evidence) => judgeEach(grePairs(evidence.sessions(greTunnels)), (pair) => judge(evidence, pair)),
});

function judge(evidence: Evidence, pair: GrePair): Judgement | null {
  const isTwoWay = dataPackets(pair, 0) >= PACKETS_MIN && dataPackets(pair, 1) >= PACKETS_MIN;
  const carried = { segment: pair.segment, tunnels: tunnelsInside(evidence.quality, pair.tunnels) };
  if (!isTwoWay || isMidonet(pair) || isMirror(carried)) return null;
  const subject = pairSubject(pair);
  if (sharesKey(pair)) return { result: 'healthy', subject };
  const requests = innerRequests(evidence, carried);
  const isAnswered = requests.some(({ answered }) => answered > 0);
  const unheard = isAnswered ? unheardEnd(pair, requests) : null;
  if (isAnswered && unheard === null) return { result: 'healthy', subject };
  const asked = requests.filter(({ outerDirection }) => unheard === null || outerDirection === unheard);
  const silence = silenceOf(asked);
  if (
    !silence ||
    silence.unanswered < UNANSWERED_MIN ||
    !mirrorsHosts(evidence.quality, pair, silence.requests)
  ) {
    return insufficientData(
      subject,
      `${pair.low} and ${pair.high} send GRE with different keys (${keyWords(pair, 0)}; ${keyWords(pair, 1)}), and no inner request shows whether that works; capture while you ping through the tunnel.`,
    );
  }
  const limit = oneSidedLimit(evidence.quality, pair.low, pair.high, pair.outerStack);
  if (limit) return insufficientData(subject, limit);
  return problemOf(pair, silence, unheard);
}

/**
 * The direction whose requests are never answered, where one end alone sends a key and the other direction works: an end
 * that answers takes nothing that comes without its key. Null: none.
 */
function unheardEnd(pair: GrePair, requests: readonly InnerRequests[]): number | null {
  const isPlain = [0, 1].map((way) => pair.tunnels.some(({ directions }) => directions[way].plain > 0));
  if (isPlain[0] === isPlain[1]) return null;
  const unheard = [0, 1].find((way) => {
    const own = requests.filter(({ outerDirection }) => outerDirection === way);
    return own.some(({ unanswered }) => unanswered > 0) && own.every(({ answered }) => answered === 0);
  });
  return unheard ?? null;
}

/** A key, or its absence, that both ends use; bridged traffic may differ in the flow id. */
function sharesKey({ tunnels }: GrePair): boolean {
  const settings = [0, 1].map((index) => new Set(tunnels.flatMap((tunnel) => settingsOf(tunnel, index))));
  return [...settings[0]].some((setting) => settings[1].has(setting));
}

function settingsOf({ key, directions }: GreTunnel, index: number): string[] {
  const { keyed, plain, protocolTypes } = directions[index];
  const settings: string[] = [];
  if (plain > 0) settings.push('no key');
  if (keyed > 0) settings.push(`key ${key}`);
  if (keyed > 0 && key >>> FLOW_ID_BITS !== 0 && protocolTypes.includes(TYPE_TRANSPARENT_ETHERNET)) {
    settings.push(`virtual subnet ${key >>> FLOW_ID_BITS}`);
  }
  return settings;
}

/** Inner hosts that talk in one direction with one key are addressed in the other with another one. */
function mirrorsHosts(
  quality: CaptureQuality,
  { tunnels }: GrePair,
  requests: readonly InnerRequests[],
): boolean {
  return requests.some(({ from, to, outerDirection, stack }) =>
    tunnels.some(
      (tunnel) =>
        (tunnel.stack !== stack || tunnel.directions.some(({ plain }) => plain > 0)) &&
        innerWays(quality, tunnel.stack).some(
          (way) => way.outerDirection !== outerDirection && way.from === to && way.to === from,
        ),
    ),
  );
}

function keyWords({ tunnels, low, high }: GrePair, direction: number): string {
  const keys = tunnels
    .filter(({ directions }) => directions[direction].keyed > 0)
    .map(({ key }) => String(key));
  const isPlain = tunnels.some(({ directions }) => directions[direction].plain > 0);
  const all = [...keys.slice(0, KEYS_NAMED_MAX).map((key) => `key ${key}`), ...(isPlain ? ['no key'] : [])];
  return `${direction === 0 ? low : high} sends ${all.join(', ')}`;
}

function problemOf(pair: GrePair, silence: UnansweredStretch, unheard: number | null): Problem {
  const { low, high, tunnels } = pair;
  const { unanswered, first, last } = silence;
  return {
    result: 'problem',
    subject: pairSubject(pair),
    confidence: 'medium',
    explanation:
      `The two ends disagree on the GRE key: ${keyWords(pair, 0)}; ${keyWords(pair, 1)}. ` +
      (unheard === null
        ? `${plural(unanswered, 'inner request')} between the same hosts got no answer in either direction.`
        : `${plural(unanswered, 'inner request')} from behind ${endsOf(pair, unheard).from} got no answer, from hosts that talk ` +
          'through the tunnel themselves: what comes without their key is not taken.'),
    pair: [low, high],
    ...(unheard === null ? {} : { direction: endsOf(pair, unheard) }),
    where: 'receiver',
    first,
    last,
    ongoingAtEnd: true,
    counts: {
      unanswered,
      packetsFromFirst: dataPackets(pair, 0),
      packetsFromSecond: dataPackets(pair, 1),
      keys: tunnels.length,
    },
    evidence: citationsOf(pair),
    displayFilter: greFilter(low, high),
    packetClass: 'gre',
  };
}

/** First and last packet of each end with each of the first keys. */
function citationsOf({ tunnels }: GrePair): Citation[] {
  const citations: Citation[] = [];
  for (const { key, directions } of tunnels.slice(0, KEYS_NAMED_MAX)) {
    for (const { from, keyed, first, last } of directions) {
      const what = keyed > 0 ? `with key ${key}` : 'without a key';
      if (first) citations.push({ ...first, summary: `GRE from ${from} ${what}` });
      if (last && last.frame !== first?.frame) {
        citations.push({ ...last, summary: `last GRE from ${from} ${what}` });
      }
    }
  }
  return citations.sort((a, b) => a.frame - b.frame).slice(0, 10);
}
