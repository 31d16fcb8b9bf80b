import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import type { KeepaliveStream } from '../../../src/correlate/periodic/session.js';
import { judgePausesAtBothEnds } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import {
  confidenceUnderDrops,
  gapsText,
  judgeGaps,
  type SilenceWords,
  type StreamPause,
  sumSilences,
} from '../../../src/diagnose/silences.js';
import type { NonEmpty } from '../../../src/moment.js';
import { lengthText } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';

import { DOWN_AFTER_MISSED, type LinkKeepalive, linkKeepalives } from '../keepalives.js';
import { directionSubject, directionText, linkFilter } from '../links.js';

const MISSED_MIN = 2;
const RESUMED_MIN = 1;
const GAP_WORDS: SilenceWords<StreamPause> = {
  before: ({ missed }) => `last keepalive before ${missed} missing ones`,
  after: 'first keepalive after the gap',
  cited: 4,
  firstAlone: true,
};

export default defineDiagnosis({
  id: 'scion.keepalive-gap',
  title: 'Gap in SCION keepalives',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'On a link of the 2018 generation at least 2 keepalives in a row (one a second and direction) are missing, then ' +
    'they resume. An error from 3 on: then the receiving border router has taken the interface down and revoked it. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'A single keepalive is lost; the whole capture is silent meanwhile; the keepalives come bunched afterwards (late, ' +
    'not lost). Links of the current generation have BFD instead of keepalives.',
  causes: [
    'Packets were lost on the way: the tunnel below changed its keys, a route changed, a link was overloaded',
    'The border router or its virtual machine stood still (CPU starvation, suspended, migrated)',
    'A firewall or NAT dropped the direction for a while',
  ],
  nextSteps: [
    'Capture at both ends of the link at once: tcpdump -n -i tun0 -s 0 -w SIDE.pcap, and run capan compare A.pcap B.pcap',
    'Look at the tunnel below at that time: OpenVPN log (grep ovpn /var/log/syslog), and capture the outer interface with: udp port 1194 or icmp',
    'On the sender: logs/br*.log, and steal time of the virtual machine (vmstat 1)',
  ],
  refutedBy: 'The missing keepalives in a capture taken at the receiver at the same time',
  source:
    'SCIONLab guide (one packet per second and direction); SCION 2018: interface keepalive 1 s, time-out 3 s',
  thresholds: {
    missed: [MISSED_MIN, 'keepalives', 'a single lost datagram is ordinary on any network'],
    down: [DOWN_AFTER_MISSED, 'keepalives', 'after 3 s without one the receiver takes the interface down'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['scion.keepalive-missing'],
  technology: 'scion',
  judgePair: (pair) => judgePausesAtBothEnds(pair, 'scion.keepalive-gap', 'scion', 'SCION'),

  *diagnose(evidence) {
    for (const one of linkKeepalives(evidence)) {
      const judgement = one.stream && judge(one, one.stream, evidence.quality);
      if (judgement) yield judgement;
    }
  },
});

function judge(one: LinkKeepalive, stream: KeepaliveStream, quality: CaptureQuality): Judgement | null {
  const subject = directionSubject(quality, one.link, one.index);
  const rule = { subject, missedMin: MISSED_MIN, resumedMin: RESUMED_MIN, otherEnd: 'end' };
  return judgeGaps(quality, stream, rule, (gaps) => problemOf(one, stream, gaps, quality));
}

function problemOf(
  one: LinkKeepalive,
  stream: KeepaliveStream,
  gaps: NonEmpty<StreamPause>,
  quality: CaptureQuality,
): Judgement {
  const { link, index, direction, reverse } = one;
  const { from, to } = direction;
  const sum = sumSilences(gaps, stream.periodNs, GAP_WORDS);
  const isDown = sum.longest.missed >= DOWN_AFTER_MISSED;
  const bothWays = gaps.every(({ reverse: meanwhile, missed: here }) => meanwhile < here / 2);
  return {
    result: 'problem',
    subject: directionSubject(quality, link, index),
    severity: isDown ? 'error' : 'warning',
    ...confidenceUnderDrops(quality, bothWays ? 'low' : 'medium'),
    explanation:
      `${directionText(link, index)} carries a keepalive of ${lengthText(stream)} every ${durationText(stream.periodNs)}. ` +
      gapsText(gaps, sum) +
      (bothWays ? ', and the other direction is silent too' : ', while the other direction goes on') +
      (isDown ? '; the receiver takes the interface down after 3 s without one.' : '.'),
    pair: [from, to],
    direction: { from, to },
    where: 'unknown',
    ...sum.span,
    ongoingAtEnd: false,
    counts: {
      gaps: gaps.length + stream.morePauses,
      missed: sum.missed,
      longestMissed: sum.longest.missed,
      received: stream.packets,
      reverseReceived: reverse.packets,
    },
    evidence: sum.evidence,
    displayFilter: linkFilter(link),
  };
}
