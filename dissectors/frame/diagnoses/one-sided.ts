import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneWayCaptureLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { captureSpan, captureSubject } from '../../../src/wording/capture-subject.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { type PairCensus, takeCensus } from '../one-way-pairs.js';

const SHARE_WHOLE = 95;
const PAIRS_NAMED_MAX = 3;
const CITED_MAX = 10;
/** A direction that answers has a packet for so many of the other at least. */
const PACKETS_A_PACKET_ANSWERED_MAX = 10;

export default defineDiagnosis({
  id: 'capture.one-sided',
  title: 'Only one direction was captured',
  severity: 'warning',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'Packets of a host prove that it hears a peer (it acknowledges TCP data, repeats the cookie of a responder, says so in BFD), ' +
    'and no packet of the peer to it is in the capture. Or the capture marks at least 100 frames with a direction, all the same ' +
    'one, between at least 3 pairs of hosts of which none is two-way. Info where less than 95 % of the pairs are concerned ' +
    'and none of them are the ends of a tunnel.',
  notWhen:
    'Answers are merely missing: that is a fault, not a one-sided capture. Nor where the other direction goes through an IPsec ' +
    'tunnel in the same capture, is answered from another address than was asked (NAT, virtual address, an alias), or may be ' +
    'in packets that cannot be read (a tunnel that is not dissected, PPP with compression, MACsec), nor of what the very first ' +
    'frame knows.',
  causes: [
    'A mirror port that sends only what enters, or only what leaves, or a capture with -Q in or -Q out',
    'Asymmetric routing: the other direction takes another path or another link of a bundle',
    'A capture filter with src host or dst host',
  ],
  nextSteps: [
    'Capture both directions: on one of the hosts itself (tcpdump -i <external interface> -s 0 -w FILE "host <peer> and not port 22"), or mirror both directions of the port',
    'Where the path is asymmetric, capture on both paths at the same time and give both files to capan',
  ],
  refutedBy: 'The capture holds packets of the peer to that host.',
  source:
    'RFC 9293, section 3.4; RFC 7296, section 2.6; RFC 5880, section 6.8.1 (fields that only the peer can have told)',
  thresholds: {
    wholeShare: [SHARE_WHOLE, '%', 'a few odd pairs do not make a one-sided capture'],
  },
  fault: 'capture',
  *diagnose({ quality }): Iterable<Judgement> {
    // The operator asked for one side.
    if (quality.part?.mayPartDirections === true) return;
    const census = takeCensus(quality);
    if (census.oneWay.length > 0 && mayHoldTheRest(census)) yield undecoded(quality, census);
    else if (census.oneWay.length > 0) yield provedByPeers(quality, census);
    else {
      const limit = oneWayCaptureLimit(quality);
      if (limit) yield provedByMarks(quality, limit.reason);
      else if (census.twoWay > 0) yield { result: 'healthy', subject: captureSubject(quality) };
    }
  },
});

/** Whether what cannot be read may be the packets that seem to be missing. */
function mayHoldTheRest({ oneWay, undecoded }: PairCensus): boolean {
  const captured = oneWay.reduce((sum, pair) => sum + pair.captured.packets, 0);
  return undecoded * PACKETS_A_PACKET_ANSWERED_MAX >= captured;
}

function undecoded(quality: CaptureQuality, { oneWay, undecoded }: PairCensus): Judgement {
  const named = oneWay
    .slice(0, PAIRS_NAMED_MAX)
    .map(({ hearing: { hearer, peer, via } }) => `${hearer} hears ${peer} (${via})`);
  return insufficientData(
    captureSubject(quality),
    `${named.join('; ')}: the packets of that direction may be among the ${undecoded} that are in the capture and ` +
      'cannot be read (encrypted, compressed or of a tunnel that capan does not know); capture behind the device that ' +
      'adds this layer, where the packets are plain.',
  );
}

function provedByPeers(quality: CaptureQuality, { oneWay, twoWay }: PairCensus): Problem {
  const share = (100 * oneWay.length) / (oneWay.length + twoWay);
  const isWhole = share >= SHARE_WHOLE;
  const named = oneWay
    .slice(0, PAIRS_NAMED_MAX)
    .map(({ hearing }) => `${hearing.hearer} hears ${hearing.peer} (${hearing.via})`);
  const rest = oneWay.length - named.length;
  const evidence = oneWay
    .slice(0, CITED_MAX)
    .flatMap(({ hearing: { hearer, peer, via, first } }) =>
      first.frame === undefined
        ? []
        : [{ ...first, frame: first.frame, summary: `${hearer} hears ${peer}: ${via}` }],
    );
  const span = captureSpan(quality);
  const pairFilters = oneWay
    .slice(0, CITED_MAX)
    .map(({ hearing }) => `(${pairFilter(hearing.hearer, hearing.peer)})`);
  return {
    result: 'problem',
    subject: captureSubject(quality),
    severity: isWhole || oneWay.some(({ isTunnel }) => isTunnel) ? 'warning' : 'info',
    confidence: 'high',
    ...(isWhole ? {} : { title: 'Of some pairs of hosts only one direction was captured' }),
    explanation:
      `${named.join('; ')}${rest > 0 ? `; and ${rest} pairs more` : ''}: yet no packet that way is in the capture. ` +
      'Between these hosts silence proves nothing.',
    first: oneWay[0]?.hearing.first ?? span.first,
    last: span.last,
    ongoingAtEnd: true,
    counts: {
      oneWayPairs: oneWay.length,
      twoWayPairs: twoWay,
      inboundFrames: quality.inbound,
      outboundFrames: quality.outbound,
    },
    evidence,
    displayFilter: pairFilters.join(' || '),
  };
}

function provedByMarks(quality: CaptureQuality, reason: string): Problem {
  return {
    result: 'problem',
    subject: captureSubject(quality),
    confidence: 'medium',
    explanation: `${reason.replace(/;.*$/, '')} Silence of the other side proves nothing.`,
    ...captureSpan(quality),
    ongoingAtEnd: true,
    counts: {
      oneWayPairs: 0,
      twoWayPairs: 0,
      inboundFrames: quality.inbound,
      outboundFrames: quality.outbound,
    },
    evidence: [],
    displayFilter: 'frame',
  };
}
