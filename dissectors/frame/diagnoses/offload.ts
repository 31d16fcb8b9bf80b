import { defineDiagnosis, type Evidence } from '../../../src/diagnose/diagnosis.js';
import { originText } from '../../../src/side-files/origin.js';
import { captureSpan, captureSubject, framesFilter } from '../../../src/wording/capture-subject.js';
import ethernetSettings from '../../host/side-files/ethernet-settings.js';
import { tcpChecksums } from '../../tcp/correlator.js';

/** A right checksum equals the pseudo-header sum once in 65,536 segments: this many and this share are no chance. */
const PENDING_MIN = 5;
const PENDING_SHARE_MIN = 1;

export default defineDiagnosis({
  id: 'capture.offload',
  title: 'Offload artefacts (giant frames, unfilled checksums)',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'Frames longer than 1,600 bytes; or at least 5 TCP segments and 1 % of them with the sum of the pseudo-header in place of the ' +
    'checksum; or frames that the capture itself marks (checksum not ready, segmentation offload).',
  notWhen: 'Frames fit an Ethernet link with any tags, and checksums are filled in.',
  causes: [
    'Segmentation and receive offload: the host hands large segments to its network card, or gets them joined; the wire saw smaller packets',
    'Checksum offload: the card fills in the checksum after the capture point',
    'Jumbo frames: an MTU above 1,500 bytes on the captured link, which is no artefact',
  ],
  nextSteps: [
    'Nothing to repair: sizes and checksums of such frames are not judged',
    'To see the packets of the wire, capture on a mirror port, or switch offload off for the test: ethtool -K eth0 gro off gso off tso off tx off rx off',
  ],
  refutedBy:
    'ip link shows an MTU as large as the frames (jumbo frames), and ethtool -k shows offload switched off.',
  source:
    'draft-ietf-opsawg-pcapng, section 4.3.1 (flags of enhanced packet blocks); RFC 9293, section 3.1 (checksum with pseudo-header)',
  thresholds: {
    frameBytes: [1600, 'bytes', '1,500 bytes and any stack of link-layer headers and tags'],
    pendingSegments: [PENDING_MIN, 'segments', 'one in 65,536 looks like that by chance'],
    pendingShare: [PENDING_SHARE_MIN, '%', 'a host with offload leaves all of its checksums open'],
  },
  fault: 'capture',
  *diagnose(all) {
    const { quality } = all;
    if (quality.frames === 0) return;
    const subject = captureSubject(quality);
    const [checksums] = all.sessions(tcpChecksums);
    const counted = checksums?.pending ?? 0;
    const share = checksums ? (100 * counted) / checksums.segments : 0;
    const pending = counted >= PENDING_MIN && share >= PENDING_SHARE_MIN ? counted : 0;
    const { giant, offloadMarks } = quality;
    if (giant.count + offloadMarks.count + pending === 0) {
      yield { result: 'healthy', subject };
      return;
    }
    const evidence = [
      ...giant.examples.map((frame) => ({ ...frame, summary: 'longer than an Ethernet frame' })),
      ...offloadMarks.examples.map((frame) => ({ ...frame, summary: 'marked by the capture: offload' })),
      ...(pending > 0 ? (checksums?.examples ?? []) : []).map((frame) => ({
        ...frame,
        summary: 'checksum not yet filled in',
      })),
    ].sort((one, other) => one.frame - other.frame);
    const what = [
      ...(giant.count > 0
        ? [`${giant.count} frames are longer than 1,600 bytes, the longest ${giant.largestBytes}`]
        : []),
      ...(pending > 0 ? [`${pending} TCP segments were captured before their checksum was filled in`] : []),
      ...(offloadMarks.count > 0 ? [`${offloadMarks.count} frames are marked as offloaded`] : []),
    ];
    const span = captureSpan(quality);
    yield {
      result: 'problem',
      subject,
      confidence: giant.count > 0 && pending + offloadMarks.count === 0 ? 'medium' : 'high',
      explanation: `${what.join('; ')}. Such frames are no evidence about MTU or checksums on the wire.${cardWords(all)}`,
      first: evidence[0] ?? span.first,
      last: span.last,
      ongoingAtEnd: true,
      counts: {
        giantFrames: giant.count,
        largestFrameBytes: giant.largestBytes,
        pendingChecksums: pending,
        markedFrames: offloadMarks.count,
      },
      evidence,
      displayFilter: framesFilter(evidence),
    };
  },
});

/** What ethtool -k of the capturing host says of it. */
function cardWords({ side }: Evidence): string {
  return side
    .of(ethernetSettings)
    .filter(({ offloads }) => offloads.size > 0)
    .map(({ link, offloads, origin }) => {
      const names = [...offloads].flatMap(([name, isOn]) => (isOn ? [name] : []));
      return names.length > 0
        ? ` ${link} does so by ethtool -k (${originText(origin)}): ${names.join(', ')}.`
        : ` By ethtool -k (${originText(origin)}) all offload of ${link} is off: if that is the captured interface, another device behind or before it does this.`;
    })
    .join('');
}
