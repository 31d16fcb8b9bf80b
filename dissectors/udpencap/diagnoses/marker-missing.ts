import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import { type NattConversation, type NattSide, nattConversations } from '../correlator.js';

const PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'natt.marker-missing',
  title: 'Port 4500 carries packets in a framing that the peer does not read',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'One side sends at least 3 packets on port 4500 that are IKE without the four zero bytes of the non-ESP marker (version, exchange type ' +
    'and length fit), ESP behind the eight zero bytes of drafts before RFC 3948, or ESP behind the marker itself (what follows it has not the ' +
    'length of an IKE message, and counts up behind one SPI). The peer takes the first for ESP and the others for IKE.',
  notWhen: 'Both sides use the framing of the draft (information): then they understand each other.',
  causes: [
    'The kernel of the sender frames ESP as drafts before RFC 3948 did, or sends the packets of its IKE daemon without the marker',
    'The sender puts its ESP packets into the socket of its IKE daemon, which adds the marker (ESP in user space)',
    'An old NAT-T draft was agreed in phase 1, and only one side follows it',
    'A device on the way (ALG, IPsec pass-through) rewrites the packets',
  ],
  nextSteps: [
    'In the log of the receiver: "has no Non-ESP marker" (pluto), or "received invalid IKE header" with cookies that begin with zeros (charon)',
    'On the sender: ip xfrm state must show encap type espinudp, not espinudp-nonike',
    'Update kernel and IKE daemon of the sender, and switch off NAT-T drafts and IPsec pass-through',
  ],
  refutedBy:
    'The same packets with the right framing in a capture at the sender: then a device on the way changes them',
  source: 'RFC 3948, sections 2.1 and 2.2; RFC 3947, section 4 (port 4500)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'one may be a probe or damaged'],
  },
  fault: 'mismatch',
  technology: 'ipsec',
  *diagnose(evidence) {
    for (const conversation of evidence.sessions(nattConversations)) {
      const [a, b] = conversation.sides;
      for (const [side, peer] of [
        [a, b],
        [b, a],
      ] as const) {
        const judged = judge(conversation, side, peer);
        if (judged) yield judged;
      }
    }
  },
});

function misframed({ ikeWithoutMarker, espOfDraft, espBehindMarker }: NattSide): number {
  return ikeWithoutMarker.packets + espOfDraft.packets + espBehindMarker.packets;
}

function judge({ stack }: NattConversation, side: NattSide, peer: NattSide): Judgement | null {
  if (side.packets === 0) return null;
  const endpoints = [side.address, peer.address].sort();
  const subject = { kind: 'tunnel', endpoints, from: side.address, port: side.port };
  const { ikeWithoutMarker: ike, espOfDraft: draft, espBehindMarker: marked } = side;
  if (misframed(side) < PACKETS_MIN) {
    return side.esp > 0 || side.keepalives > 0 ? { result: 'healthy', subject } : null;
  }
  const isShared = draft.packets > 0 && peer.espOfDraft.packets > 0;
  const words = [
    ...(ike.packets > 0
      ? [`${ike.packets} IKE messages without the non-ESP marker, which ${peer.address} takes for ESP`]
      : []),
    ...(draft.packets > 0
      ? [
          `${draft.packets} ESP packets behind eight zero bytes (the framing of old drafts), which ${isShared ? 'both sides use' : `${peer.address} takes for IKE`}`,
        ]
      : []),
    ...(marked.packets > 0
      ? [`${marked.packets} ESP packets behind the non-ESP marker, which ${peer.address} takes for IKE`]
      : []),
  ];
  const first = earliest([ike.first, draft.first, marked.first]);
  const last = latest([ike.last, draft.last, marked.last]);
  if (!first || !last) return null;
  return {
    result: 'problem',
    subject,
    ...(isShared && { severity: 'info' as const }),
    confidence: 'high',
    explanation: `${side.address} sent to port ${peer.port} of ${peer.address} ${words.join(', and ')}.`,
    pair: [side.address, peer.address],
    ...(stack === 0 ? { direction: { from: side.address, to: peer.address } } : {}),
    where: 'sender',
    first,
    last,
    ongoingAtEnd: true,
    counts: {
      ikeWithoutMarker: ike.packets,
      espOfDraft: draft.packets,
      ...(marked.packets > 0 ? { espBehindMarker: marked.packets } : {}),
      ofPeer: misframed(peer),
    },
    evidence: [
      ...cite(ike, 'IKE without the non-ESP marker'),
      ...cite(draft, 'ESP behind eight zero bytes'),
      ...cite(marked, 'ESP behind the non-ESP marker'),
    ],
    displayFilter: `${hostFilter(side.address)} && udp.port == ${side.port}`,
    packetClass: 'esp',
  };
}

function cite({ packets, first, last }: NattSide['espOfDraft'], what: string): Citation[] {
  if (!first || !last) return [];
  return [
    { ...first, summary: `first of ${packets}: ${what}` },
    { ...last, summary: 'last of them' },
  ];
}
