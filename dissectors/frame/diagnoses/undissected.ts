import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { TUNNEL_DEPTH_MAX } from '../../../src/observe/flow-key.js';
import { captureSpan, captureSubject, framesFilter } from '../../../src/wording/capture-subject.js';

const EVIDENCE_MAX = 10;

export default defineDiagnosis({
  id: 'capture.undissected',
  title: 'Frames that were not dissected',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 3,
  rule: `Frames of a link type that is not read, or in which tunnels or link layers are nested more than ${TUNNEL_DEPTH_MAX} deep.`,
  notWhen: 'Every frame was read down to the protocols that capan knows, or to one that it does not.',
  causes: [
    'The capture was taken on an interface of a kind that carries no IP, or whose headers are not read',
    'A loop on the way wraps a packet in the same tunnel again and again',
    'Somebody made the frames to exhaust whoever reads them',
  ],
  nextSteps: [
    'List the link types of the capture: capinfos FILE',
    'Capture on the interface on which the packets are IP, or above the innermost tunnel',
  ],
  refutedBy: 'The frames carry nothing that belongs to the fault.',
  source: 'draft-ietf-opsawg-pcaplinktype (LINKTYPE_ values)',
  thresholds: {
    depth: [TUNNEL_DEPTH_MAX, 'tunnels', 'what is nested deeper is a loop or an attack'],
  },
  fault: 'capture',
  *diagnose({ quality }) {
    const { tooDeep, unknownLinkType, frames } = quality;
    const count = tooDeep.count + unknownLinkType.count;
    if (count === 0) return;
    const { first, last } = captureSpan(quality);
    const kinds = [
      unknownLinkType.count > 0 ? `${unknownLinkType.count} of a link type that is not read` : '',
      tooDeep.count > 0 ? `${tooDeep.count} with headers nested more than ${TUNNEL_DEPTH_MAX} deep` : '',
    ];
    const evidence = [
      ...unknownLinkType.examples.map((ref) => ({ ...ref, summary: 'of a link type that is not read' })),
      ...tooDeep.examples.map((ref) => ({ ...ref, summary: 'nested too deep' })),
    ].slice(0, EVIDENCE_MAX);
    yield {
      result: 'problem',
      subject: captureSubject(quality),
      confidence: 'high',
      explanation: `Of ${frames} frames these were not dissected to their end: ${kinds.filter((kind) => kind !== '').join(', ')}.`,
      first: evidence[0] ?? first,
      last,
      ongoingAtEnd: true,
      counts: { unknownLinkType: unknownLinkType.count, tooDeep: tooDeep.count, frames },
      evidence,
      displayFilter: framesFilter(evidence),
    };
  },
});
