import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { captureSpan, captureSubject, framesFilter } from '../../../src/wording/capture-subject.js';

const SHARE_MIN = 5;
const PAIRS_CITED = 5;

export default defineDiagnosis({
  id: 'capture.duplicates',
  title: 'Packets captured more than once',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'More than 5 % of the frames are copies: the same packet less TTL, checksum and DSCP within 20 ms, seen on another ' +
    'interface, in the other direction, with other MAC addresses or another TTL; or without such proof where at least 30 % ' +
    'of the first 10,000 frames are doubled. Copies are left out of every count.',
  notWhen: 'A packet comes twice without a sign of a second tap: that is a duplicate on the network.',
  causes: [
    'Capture on all interfaces (-i any): each packet on a bridge and its port, before and after a tunnel device',
    'A mirror port that sends both what enters and what leaves the switch',
    'A path that passes the capture point twice (a router on a stick, VRFs)',
  ],
  nextSteps: [
    'Nothing to repair: verdicts count each packet once',
    'For exact times capture on one interface: tcpdump -i <external interface>; on a mirror port one direction a port',
  ],
  refutedBy: 'The cited frames differ in their payload.',
  source: 'libpcap, pcap-linktype(7) (Linux cooked capture: packet type and interface of each copy)',
  thresholds: {
    copiesShare: [SHARE_MIN, '%', 'below that a second tap is no property of the capture'],
  },
  fault: 'capture',
  *diagnose({ quality }) {
    const { count, framesWithIp, pairs } = quality.copies;
    if (framesWithIp === 0) return;
    const subject = captureSubject(quality);
    const share = (100 * count) / framesWithIp;
    if (share <= SHARE_MIN) {
      yield { result: 'healthy', subject };
      return;
    }
    const evidence = pairs
      .slice(0, PAIRS_CITED)
      .flatMap(({ original, copy, segment, originalNs, copyNs }) => [
        { frame: original, segment, timeNs: originalNs, summary: 'first sight of a packet' },
        { frame: copy, segment, timeNs: copyNs, summary: 'the same packet again' },
      ]);
    const span = captureSpan(quality);
    yield {
      result: 'problem',
      subject,
      confidence: 'high',
      explanation:
        `${count} of ${framesWithIp} frames with an IP packet (${share.toFixed(1)} %) are copies of a packet that another ` +
        'tap had shown; they are counted once.',
      first: evidence[0] ?? span.first,
      last: span.last,
      ongoingAtEnd: true,
      counts: { copies: count, framesWithIp },
      evidence,
      displayFilter: framesFilter(evidence),
    };
  },
});
