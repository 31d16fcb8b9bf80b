import { SNAPLEN } from '../../../src/correlate/gates.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { captureSpan, captureSubject } from '../../../src/wording/capture-subject.js';

export default defineDiagnosis({
  id: 'capture.snaplen',
  title: 'Packets were cut by the snap length',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule: 'Frames were captured shorter than they were on the wire. A warning where a check could not be made because of it.',
  notWhen:
    'Every frame was captured whole. Lengths on the wire are known even of cut frames, so rules about sizes stay exact.',
  causes: [
    'The capture was taken with a snap length: tcpdump -s 96, or an old tcpdump whose default was 68 or 96 bytes',
    'The file was cut afterwards (editcap -s) to save space or to hide payload',
  ],
  nextSteps: ['Repeat the capture with whole packets: tcpdump -s 0 -w FILE'],
  refutedBy:
    'capinfos FILE shows no inferred packet size limit, and frame.cap_len == frame.len for every frame.',
  source: 'draft-ietf-opsawg-pcap (captured and original packet length)',
  fault: 'capture',
  judgesLast: true,
  *diagnose({ quality, judgements }): Iterable<Judgement> {
    const subject = captureSubject(quality);
    const { count, smallestBytes, examples } = quality.cut;
    // Packets known by words alone are cut where the words end; another finding says so.
    if (quality.frames === 0 || quality.captures.some(({ packetsInWords }) => packetsInWords > 0)) return;
    if (count === 0) {
      yield { result: 'healthy', subject };
      return;
    }
    const skipped = [...judgements].filter(([, judged]) => judged.some(neededWholePackets)).map(([id]) => id);
    const { first, last } = captureSpan(quality);
    const share = count === quality.frames ? 'All' : `${count} of`;
    yield {
      result: 'problem',
      subject,
      severity: skipped.length > 0 ? 'warning' : 'info',
      confidence: 'high',
      explanation:
        `${share} ${quality.frames} frames were cut, the shortest to ${smallestBytes} bytes; ` +
        (skipped.length > 0
          ? `${skipped.join(', ')} could not be judged for that reason.`
          : 'what lies beyond was not looked at.'),
      first: examples[0] ?? first,
      last,
      ongoingAtEnd: true,
      counts: {
        cutFrames: count,
        smallestCapturedBytes: smallestBytes,
        cutHeaders: quality.truncatedHeaders,
        checksSkipped: skipped.length,
      },
      evidence: examples.map((frame) => ({ ...frame, summary: 'cut by the snap length' })),
      displayFilter: 'frame.cap_len < frame.len',
    };
  },
});

function neededWholePackets(judgement: Judgement): boolean {
  return judgement.result === 'insufficient-data' && judgement.limitedBy?.includes(SNAPLEN) === true;
}
