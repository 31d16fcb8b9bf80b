import { latest } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { ike } from '../../isakmp/correlator.js';
import { espTakenForIke } from '../../isakmp/shared/esp-bytes.js';
import { notifyName } from '../../isakmp/shared/names.js';
import type { EspPair, EspSa } from '../session.js';
import { espFilter, judgedPairs, sasOf, spiText } from '../shared/sa-pairs.js';

const ANSWERS_MIN = 2;
const CITED = 3;

export default defineDiagnosis({
  id: 'esp.taken-as-ike',
  // A line of IKE without its marker reads like one of ESP.
  lines: 'mislead',
  title: 'The receiver hands ESP to its IKE daemon',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    `At least ${ANSWERS_MIN} IKE messages come back whose initiator cookie is the SPI and a sequence number of ESP that went the other way: the receiver ` +
    'read the ESP packet as an IKE header and answers with an error about a session that nobody opened.',
  notWhen: 'A cookie that begins like an SPI, but does not go on with a sequence number of that SA.',
  causes: [
    'The socket of the IKE daemon on port 4500 is not set to take ESP out (UDP_ENCAP), so the daemon gets what the kernel should decapsulate',
    'ESP is sent to port 500, behind the marker of IKE, or in the framing of an old draft',
    'A translator or load balancer forwards port 4500 to another port or to a user-space daemon',
  ],
  nextSteps: [
    'On the receiver: ip xfrm state must list the SPI with encap type espinudp; the log of the daemon shows unknown cookies',
    'Restart the IKE daemon there, so that it sets up its sockets again; check that no other program holds port 4500 (ss -lunp)',
    'On the sender: do both sides agree on NAT traversal? Compare ip xfrm state of both, port by port',
  ],
  refutedBy: 'An SA whose cookies happen to begin so: then its other messages are in the capture.',
  source: 'RFC 3948, sections 2.1 to 2.3; RFC 7296, sections 2.21.4 and 3.1',
  thresholds: {
    answers: [ANSWERS_MIN, 'messages', 'a single one may be a late packet of a deleted SA'],
  },
  fault: 'refused',
  technology: 'ipsec',
  explicitSignal: true,
  *diagnose(evidence) {
    const answers = answersBySa(evidence);
    for (const pair of judgedPairs(evidence)) yield judge(pair, answers);
  },
});

interface Answer {
  readonly at: FrameRef;
  readonly words: string;
}

function answersBySa(evidence: Evidence): ReadonlyMap<EspSa, readonly Answer[]> {
  const bySa = new Map<EspSa, Answer[]>();
  for (const session of evidence.sessions(ike)) {
    const sa = espTakenForIke(evidence, session);
    if (!sa) continue;
    for (const message of session.exchanges.flatMap(({ messages }) => messages)) {
      for (const sent of message.transmissions) {
        const { initiator, responder } = session.paths[sent.path];
        const sender = message.from === 'initiator' ? initiator : responder;
        if (sender !== sa.to) continue;
        const words =
          message.notifyType === 0 ? 'an IKE message' : notifyName(session.version, message.notifyType);
        const { frame, timeNs, segment } = sent;
        addTo(bySa, sa, { at: { frame, timeNs, segment }, words });
      }
    }
  }
  return bySa;
}

function judge(pair: EspPair, answers: ReadonlyMap<EspSa, readonly Answer[]>): Judgement {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  const [worst] = sasOf(pair)
    .flatMap((sa) => ({ sa, all: answers.get(sa) ?? [] }))
    .sort((a, b) => b.all.length - a.all.length);
  if (!worst || worst.all.length < ANSWERS_MIN) return { result: 'healthy', subject };
  const { sa } = worst;
  const all = [...worst.all].sort((a, b) => a.at.frame - b.at.frame);
  const last = all[all.length - 1];
  const lastGood = lastOfPeer(pair, sa, all[0].at);
  return {
    result: 'problem',
    subject: { ...subject, spi: spiText(sa.spi) },
    confidence: 'high',
    explanation:
      `${sa.to} answered ESP of ${sa.from} (SPI ${spiText(sa.spi)}) with ${all.length} IKE messages (${all[0].words}) whose cookies are the SPI and the ` +
      'sequence numbers of these packets: its IKE daemon gets what its kernel should decapsulate, and nothing of the tunnel passes.',
    pair: [sa.from, sa.to],
    direction: { from: sa.from, to: sa.to },
    where: 'receiver',
    // Only some of the packets look enough like IKE to be answered, so the fault is older than the first answer.
    first: lastGood ?? sa.first,
    last: last.at,
    ...(lastGood ? { lastGood } : {}),
    ongoingAtEnd: true,
    counts: { answers: all.length, packets: sa.packets },
    packets: { of: ['esp'], lost: sa.packets, delivered: 0 },
    evidence: [
      { ...sa.first, summary: `first ESP packet with SPI ${spiText(sa.spi)}` },
      ...all.slice(0, CITED).map(({ at, words }) => ({ ...at, summary: `${words}, built from ESP` })),
      { ...last.at, summary: 'the last of them' },
    ],
    displayFilter: `(${espFilter(pair.low, pair.high)}) || (isakmp && ip.addr == ${sa.to})`,
    packetClass: 'esp',
  };
}

/** The peer's last ESP packet before the first of those answers: until then it took what came. */
function lastOfPeer(pair: EspPair, { from }: EspSa, before: FrameRef): FrameRef | null {
  const ends = sasOf(pair)
    .filter((one) => one.from !== from && one.last.frame < before.frame)
    .map(({ last }) => last);
  return latest(ends) ?? null;
}
