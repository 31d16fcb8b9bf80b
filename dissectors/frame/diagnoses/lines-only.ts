import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { captureSpan, captureSubject } from '../../../src/wording/capture-subject.js';

export default defineDiagnosis({
  id: 'capture.lines-only',
  title: 'The text has lines of packets, not their bytes',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 2,
  rule:
    'The input is a text in which tcpdump, tshark or a script printed a line or two of each packet, without -x, -X or their like. ' +
    'Rules that need no more are judged; the others say what they would need.',
  notWhen: 'The text has the bytes of every packet (-x, -xx, -X, -XX): those are the very frames.',
  causes: ['The output of tcpdump was copied from a terminal, an issue or a mail'],
  nextSteps: [
    'Capture to a file and analyse that: tcpdump -n -i IFACE -s 0 -w FILE FILTER',
    'Or print the bytes: tcpdump -n -XX -tttt -s 0 -i IFACE FILTER (of a file: tcpdump -n -XX -tttt -r FILE)',
  ],
  refutedBy: 'The text shows lines such as 0x0000: 4500 0054 behind each packet.',
  source: 'tcpdump(1), output format',
  fault: 'capture',
  *diagnose({ quality }): Iterable<Judgement> {
    for (const [
      index,
      { packetsInWords, packetsInLists, frames, clock, firstTimeNs },
    ] of quality.captures.entries()) {
      if (packetsInWords === 0) continue;
      const { first, last } = captureSpan(quality, index);
      const share = packetsInWords === frames ? `All ${frames}` : `${packetsInWords} of ${frames}`;
      const date = firstTimeNs !== null && clock === 'relative' ? ', nor the date' : '';
      yield {
        result: 'problem',
        subject: captureSubject(quality, index),
        confidence: 'high',
        explanation:
          `${share} packets are known by their lines alone. Lines show neither payload and encrypted content nor checksums${date}; ` +
          'without -v neither hop limit, identification, fragments nor message lengths of IKE, without -e no MAC addresses. ' +
          (packetsInLists > 0
            ? 'A list of packets as tshark prints it shows the innermost addresses alone: neither the outer ones of a tunnel and its ' +
              'key, nor the ports of ESP and IKE, nor sequence numbers of ESP; print tshark -P -x -r FILE. '
            : '') +
          'What depends on these is not judged, and what was not found may still be there.',
        first,
        last,
        ongoingAtEnd: true,
        counts: { packetsInWords, frames },
        evidence: [],
        displayFilter: 'frame',
      };
    }
  },
});
