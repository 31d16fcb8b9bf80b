import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import {
  judgeSequenceLoss,
  type LossLimits,
  type MissingNumbers,
  severityOfLoss,
  watchedNumbers,
} from '../../../src/diagnose/sequence-loss.js';
import type { Citation } from '../../../src/moment.js';
import { openvpnConversations } from '../correlator.js';
import { outagesOf } from '../outages.js';
import { conversationFilter, directionSubject, isCapturedAtReceiver, isCapturedAtSender } from '../peers.js';
import type { OpenvpnConversation, OpenvpnDirection, PacketIdCounts, PacketIdGap } from '../session.js';

const WARNING_PERCENT = 1;
const ERROR_PERCENT = 5;
const LOST_MIN = 3;
const BURST_PACKETS = 5;
const BURST_SECONDS = 3;
const GAPS_CITED = 5;

const LIMITS: LossLimits = {
  warningPercent: WARNING_PERCENT,
  errorPercent: ERROR_PERCENT,
  lost: LOST_MIN,
  burstPackets: BURST_PACKETS,
  burstSeconds: BURST_SECONDS,
};

export default defineDiagnosis({
  id: 'openvpn.loss',
  title: 'OpenVPN packets lost on the path',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'Packet ids of one direction are missing at a capture point that is not the sender: warning above 1 %, error above 5 %, with at least 3 missing ids; warning ' +
    'also for 5 ids in a row over at least 3 s. Late packets are not missing. Only for AEAD ciphers, whose packet ids are in clear. ' +
    'With captures of both ends: as many as leave one end and do not arrive at the other.',
  notWhen:
    'The capture was taken at the sender (then the capture itself missed packets); the ids are missing because the direction was dead ' +
    '(openvpn.one-way-data); the sender began anew or skipped ahead.',
  causes: [
    'Congestion or policing on the way: a queue overflows',
    'Large packets are dropped (MTU): compare the lengths of what arrives with what is sent',
    'A lossy link (radio, DSL), or a socket buffer of the sender that overflows (sndbuf)',
    'The capture itself missed packets: buffer too small, busy host',
  ],
  nextSteps: [
    'Capture on both ends at once and look for the missing packet ids in the capture of the sender',
    'Inside the tunnel: ping -s 56 and ping -s 1300 the other end; if large ones fail only: mssfix 1300 or tun-mtu 1400',
    'mtr -u -P 1194 PEER in both directions; ip -s link on both hosts',
  ],
  ruledOut: {
    'lost-on-path': ['The capture itself missed packets'],
    'capture-complete': ['The capture itself missed packets'],
  },
  refutedBy: 'The missing packet ids in a second capture at the same place, or in one at the receiver.',
  source:
    'OpenVPN protocol documentation (data channel, AEAD packet format); RFC 4303 section 3.4.3 for the method',
  thresholds: {
    warningPercent: [WARNING_PERCENT, '%', 'above it the throughput of TCP suffers at LAN round trips'],
    errorPercent: [ERROR_PERCENT, '%', 'above it interactive traffic becomes unusable'],
    lost: [LOST_MIN, 'packets', 'one or two lost packets are normal'],
    burstPackets: [BURST_PACKETS, 'packets', 'consecutive losses are an outage, not chance'],
    burstSeconds: [BURST_SECONDS, 's', 'as for esp.loss'],
  },
  fault: 'tunnel-loss',
  consequenceOf: ['path-loss', 'fragments', 'mtu', 'large-packets-lost', 'tunnel-one-way'],
  technology: 'openvpn',
  judgePair: (pair) =>
    judgeTunnelLoss(pair, {
      id: 'openvpn.loss',
      protocol: 'openvpn',
      name: 'OpenVPN',
      seenAs: 'gaps',
      lostMin: LOST_MIN,
      warningPercent: WARNING_PERCENT,
      errorPercent: ERROR_PERCENT,
    }),
  *diagnose(evidence) {
    const all = evidence.sessions(openvpnConversations);
    for (const conversation of all) {
      if (conversation.transport === 'tcp') continue;
      const outages = outagesOf(conversation, all, evidence.quality).filter(
        ({ severity }) => severity !== 'info',
      );
      for (const direction of conversation.directions) {
        if (!direction.packetIds) continue;
        const dead = outages.filter(({ silent }) => silent === direction).map(({ run }) => run);
        const isDead = ({ before, after }: PacketIdGap): boolean =>
          dead.some(
            ({ lastBack, nextBack }) => lastBack?.frame === before.frame && nextBack?.frame === after.frame,
          );
        const tally = watchedNumbers(evidence.quality, tallyOf(direction.packetIds, isDead));
        yield judge(evidence.quality, conversation, direction, tally);
      }
    }
  },
});

function tallyOf(counts: PacketIdCounts, isDead: (gap: PacketIdGap) => boolean): MissingNumbers<PacketIdGap> {
  const dead = counts.gaps.filter(isDead);
  const lost = counts.missing - dead.reduce((sum, { missing }) => sum + missing, 0);
  return {
    lost,
    expected: counts.distinct + lost,
    gapCount: counts.gapCount - dead.length,
    gaps: counts.gaps.filter((gap) => !isDead(gap)),
  };
}

function judge(
  quality: CaptureQuality,
  conversation: OpenvpnConversation,
  direction: OpenvpnDirection,
  tally: MissingNumbers<PacketIdGap>,
): Judgement {
  const { from, to, last, dataPackets } = direction;
  const other = conversation.directions.find((one) => one !== direction)?.packetIds;
  const numbered = {
    subject: directionSubject(conversation, direction, quality),
    from: from.address,
    to: to.address,
    tally,
    severity: severityOfLoss(tally, LIMITS),
    isCapturedAtSender: isCapturedAtSender(direction, quality),
    isCapturedAtReceiver: isCapturedAtReceiver(direction, quality),
    other: other ? { packets: other.distinct, missing: other.missing } : null,
    span: conversation,
    last,
    words: {
      packets: 'data packets',
      numbers: 'packet ids',
      atSender: " or the sender's socket dropped them",
    },
  };
  return judgeSequenceLoss(quality, numbered, () => ({
    pair: [from.address, to.address],
    counts: { received: dataPackets },
    evidence: citationsOf(tally.gaps),
    displayFilter: conversationFilter([conversation]),
    packetClass: 'openvpn-data',
  }));
}

function citationsOf(gaps: readonly PacketIdGap[]): Citation[] {
  const worst = [...gaps].sort((a, b) => b.missing - a.missing || a.after.frame - b.after.frame);
  return worst
    .slice(0, GAPS_CITED)
    .sort((a, b) => a.after.frame - b.after.frame)
    .flatMap(({ before, after, missing, length, packetId }) => [
      { ...before, summary: `last data packet before packet id ${packetId}` },
      { ...after, summary: `${missing} of ${length} packet ids from ${packetId} on are missing` },
    ]);
}
