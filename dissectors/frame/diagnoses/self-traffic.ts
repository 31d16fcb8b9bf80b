import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { captureSubject } from '../../../src/wording/capture-subject.js';

const SSH_PORT = 22;
const SHARE_MIN = 50;
const FRAMES_MIN = 100;

export default defineDiagnosis({
  id: 'capture.self-traffic',
  title: 'The capture recorded its own SSH session',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 3,
  rule: 'More than half of at least 100 packets belong to one connection on port 22, and there is other traffic beside it.',
  notWhen: 'The capture is of that SSH connection alone, or most packets are others.',
  causes: [
    'tcpdump printed to an SSH session that it captured as well: every packet shown causes another one',
  ],
  nextSteps: ['Leave the session out: add "and not port 22" to the filter, or write to a file (-w FILE)'],
  refutedBy: 'The connection on port 22 is what the capture was taken for.',
  source: 'pcap-filter(7); RFC 4253, section 4.1 (port 22)',
  thresholds: {
    share: [SHARE_MIN, '%', 'below that other traffic leads'],
    frames: [FRAMES_MIN, 'frames', 'a few packets of a login are no loop'],
  },
  fault: 'capture',
  *diagnose({ quality }) {
    const { framesWithIp } = quality.copies;
    if (framesWithIp < FRAMES_MIN) return;
    const subject = captureSubject(quality);
    for (const { a, b, stack, conversations } of quality.traffic.all()) {
      if (stack !== 0) continue;
      for (const { protocol, portOfA, portOfB, fromA, fromB } of conversations) {
        const packets = fromA.packets + fromB.packets;
        if (protocol !== PROTOCOL_TCP || (portOfA !== SSH_PORT && portOfB !== SSH_PORT)) continue;
        if ((100 * packets) / framesWithIp <= SHARE_MIN || packets === framesWithIp) continue;
        const ends = [fromA.first, fromB.first, fromA.last, fromB.last]
          .filter((ref) => ref !== null)
          .sort((x, y) => x.frame - y.frame);
        const [first, last] = [ends[0], ends[ends.length - 1]];
        if (!first || !last) continue;
        yield {
          result: 'problem',
          subject,
          confidence: 'low',
          explanation: `${packets} of ${framesWithIp} packets are one SSH connection between ${a} and ${b}; it looks like the session in which the capture was started.`,
          first,
          last,
          ongoingAtEnd: true,
          counts: { sshPackets: packets, framesWithIp },
          evidence: [
            { ...first, summary: `first packet of the SSH connection between ${a} and ${b}` },
            { ...last, summary: `last of its ${packets} packets` },
          ],
          displayFilter: `tcp.port == ${portOfA} && tcp.port == ${portOfB}`,
        };
        return;
      }
    }
    yield { result: 'healthy', subject };
  },
});
