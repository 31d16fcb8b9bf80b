import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { openvpnConversations } from '../correlator.js';
import { conversationFilter, fromClient, fromServer, subjectOf, successorOf } from '../peers.js';
import type { OpenvpnConversation } from '../session.js';

export default defineDiagnosis({
  id: 'openvpn.peer-moved',
  title: 'Tunnel peer changed its address',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 3,
  rule: 'Packet ids, key id and peer id of a session go on from another address or port of the client, without a new handshake.',
  notWhen: 'A hard reset begins a new session. The packet ids are encrypted (no AEAD cipher).',
  causes: [
    'A NAT lost its mapping and gave the client a new port (idle for longer than its UDP timer)',
    'The client changed its network: mobile, Wi-Fi to cable, a new address of the provider',
  ],
  nextSteps: [
    'If it happens often: keepalive 10 60 on the server keeps the mapping of most NATs',
    'If the tunnel stalls after it: the server needs data version 2 (peer id) or float',
  ],
  refutedBy: 'Two different clients (peer ids, common names) in the log of the server.',
  source: 'OpenVPN manual: float; protocol documentation, P_DATA_V2 (peer id)',
  fault: 'addressing',
  technology: 'openvpn',
  *diagnose(evidence) {
    const all = evidence.sessions(openvpnConversations);
    for (const conversation of all) {
      if (conversation.transport === 'udp')
        yield judge(evidence, conversation, successorOf(conversation, all));
    }
  },
});

function judge(
  { quality }: Evidence,
  conversation: OpenvpnConversation,
  successor: OpenvpnConversation | null,
): Judgement {
  const old = fromClient(conversation);
  const subject = {
    ...subjectOf('tunnel', conversation, quality, [old.from.address, old.to.address]),
    from: socketText(old.from),
    to: socketText(old.to),
  };
  if (!successor) return { result: 'healthy', subject };
  const server = [old.from, old.to].find(({ address, port }) =>
    successor.directions.some(({ to }) => to.address === address && to.port === port),
  );
  const moved = [fromClient(successor), fromServer(successor)].find(
    ({ to }) => to.address === server?.address && to.port === server.port,
  );
  const before = [old, fromServer(conversation)].find(
    ({ to }) => to.address === server?.address && to.port === server.port,
  );
  if (!moved || !before || !moved.firstData || !before.lastData) return { result: 'healthy', subject };
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation: `The session of ${socketText(before.from)} with ${socketText(before.to)} goes on from ${socketText(moved.from)}: key, peer id and packet ids continue.`,
    pair: [moved.from.address, moved.to.address],
    where: 'unknown',
    first: moved.firstData,
    last: moved.firstData,
    lastGood: before.lastData,
    ongoingAtEnd: true,
    counts: { packetsBefore: before.packets, packetsAfter: moved.packets },
    evidence: [
      { ...before.lastData, summary: `last data packet from ${socketText(before.from)}` },
      { ...moved.firstData, summary: `first data packet from ${socketText(moved.from)}` },
    ],
    displayFilter: conversationFilter([conversation, successor]),
    packetClass: 'openvpn',
  };
}
