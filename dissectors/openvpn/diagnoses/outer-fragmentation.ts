import { fragmentEdgeSeconds } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { fragmentStreams, type LedgerEntry } from '../../ip/correlator.js';
import { hiddenFragments } from '../../ip/shared/fragment-loss.js';
import { fragmentFilter, fragmentPairs } from '../../ip/shared/fragment-pairs.js';
import { openvpnConversations } from '../correlator.js';
import { DATA_V2 } from '../layout.js';
import { conversationFilter, directionSubject } from '../peers.js';
import type { OpenvpnConversation, OpenvpnDirection } from '../session.js';

const PROTOCOL_UDP = 17;
const INCOMPLETE_MIN = 3;
/** Of AEAD ciphers: opcode, peer id, packet id and tag; without a peer id. */
const AEAD_OVERHEAD_V2 = 24;
const AEAD_OVERHEAD_V1 = 21;

export default defineDiagnosis({
  id: 'openvpn.outer-fragmentation',
  title: 'Tunnel packets are fragmented',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'fragments',
  priority: 1,
  rule: 'Datagrams of the tunnel leave in IP fragments. Information while no piece is missing in the capture; warning where pieces are, error from 3 incomplete datagrams on.',
  notWhen:
    'A piece may lie outside the capture (within 1 s, or 50 times the usual spread, of its edges), or a capture filter hides fragments without ports.',
  causes: [
    'The MTU of the tun device is too large for the path: 1500 bytes inside are 1552 and more outside',
    'mssfix limits TCP only; large UDP inside (SCION, QUIC, DNS) still exceeds the path',
    'Pieces are missing: a firewall drops fragments, which carry no ports',
  ],
  nextSteps: [
    'On both sides: tun-mtu 1400, or mssfix 1300 if it is only TCP; compare with the MTU of the path (ping -M do -s 1472 PEER)',
    'For SCION over the tunnel: a smaller MTU of the link in topology.json, on both sides',
    'Where pieces are missing: permit fragments on the firewall between, and capture at both ends without a port filter',
  ],
  refutedBy: 'The missing pieces in a capture at the receiver.',
  source: 'OpenVPN manual: tun-mtu, mssfix, fragment; RFC 791 section 3.2; SCIONLab guide, MTU 1472',
  thresholds: {
    incomplete: [INCOMPLETE_MIN, 'datagrams', 'fewer may be the occasional loss of a packet'],
  },
  fault: 'mtu',
  consequenceOf: ['fragments'],
  technology: 'openvpn',
  *diagnose(evidence) {
    for (const conversation of evidence.sessions(openvpnConversations)) {
      if (conversation.transport === 'tcp') continue;
      for (const direction of conversation.directions) {
        if (direction.packets > 0) yield judge(evidence, conversation, direction);
      }
    }
  },
});

function judge(
  evidence: Evidence,
  conversation: OpenvpnConversation,
  direction: OpenvpnDirection,
): Judgement {
  const { quality } = evidence;
  const subject = directionSubject(conversation, direction, quality);
  if (direction.fragmented === 0) return { result: 'healthy', subject };
  const { from, to, fragmented, smallestFragmented, largestFragmented, fragments } = direction;
  const incomplete = incompleteOf(evidence, conversation, direction);
  const isHidden = incomplete.length > 0 && fragmentsHidden(evidence, conversation, direction);
  const missing = isHidden ? 0 : incomplete.length;
  return {
    result: 'problem',
    subject,
    severity: missing === 0 ? 'info' : missing >= INCOMPLETE_MIN ? 'error' : 'warning',
    confidence: missing === 0 || missing >= INCOMPLETE_MIN ? 'high' : 'medium',
    explanation:
      `${fragmented} datagrams of the tunnel from ${from.address} to ${to.address} came in IP fragments, ${smallestFragmented} to ` +
      `${largestFragmented} bytes long${innerText(direction)}. ` +
      (missing > 0 ? `Of ${missing} of them pieces are missing.` : 'No piece is known to be missing.'),
    pair: [from.address, to.address],
    direction: { from: from.address, to: to.address },
    where: missing > 0 ? 'path' : 'sender',
    first: missing > 0 ? incomplete[0].first : fragments[0],
    last: missing > 0 ? incomplete[incomplete.length - 1].last : fragments[fragments.length - 1],
    ongoingAtEnd: true,
    counts: {
      fragmented,
      incomplete: missing,
      smallestBytes: smallestFragmented,
      largestBytes: largestFragmented,
      packets: direction.packets,
    },
    evidence: citationsOf(direction, missing > 0 ? incomplete : []),
    displayFilter: `(${fragmentFilter(from.address, to.address)}) || ${conversationFilter([conversation])}`,
    packetClass: 'fragment',
  };
}

/** Incomplete datagrams of these ports, without those at an edge of the capture. */
function incompleteOf(
  { sessions, quality }: Evidence,
  { stack, segment }: OpenvpnConversation,
  { from, to }: OpenvpnDirection,
): LedgerEntry[] {
  return sessions(fragmentStreams)
    .filter(
      (stream) =>
        stream.stack === stack &&
        stream.segment === segment &&
        stream.protocol === PROTOCOL_UDP &&
        stream.source === from.address &&
        stream.destination === to.address,
    )
    .flatMap((stream) => {
      const edge = fragmentEdgeSeconds(stream.usualSpreadNs / NS_PER_SECOND);
      return stream.incomplete.filter(
        ({ sourcePort, destinationPort, last }) =>
          sourcePort === from.port && destinationPort === to.port && secondsToPause(quality, last) >= edge,
      );
    })
    .sort((a, b) => a.first.frame - b.first.frame);
}

function fragmentsHidden(
  evidence: Evidence,
  { stack }: OpenvpnConversation,
  { from, to }: OpenvpnDirection,
): boolean {
  const pair = fragmentPairs(evidence.sessions(fragmentStreams)).find(
    (one) => one.stack === stack && one.source === from.address && one.destination === to.address,
  );
  return pair !== undefined && hiddenFragments(evidence, pair, 'rest') !== null;
}

/** What the smallest fragmented datagram carried, where the cipher tells its overhead. */
function innerText({ packetIds, dataOpcode, smallestFragmented }: OpenvpnDirection): string {
  if (!packetIds) return '';
  const overhead = dataOpcode === DATA_V2 ? AEAD_OVERHEAD_V2 : AEAD_OVERHEAD_V1;
  return `; the smallest carries about ${smallestFragmented - overhead} bytes`;
}

function citationsOf({ fragments, from }: OpenvpnDirection, incomplete: readonly LedgerEntry[]): Citation[] {
  if (incomplete.length === 0) {
    return fragments.map((ref) => ({ ...ref, summary: `first fragment of a datagram of ${from.address}` }));
  }
  return incomplete.slice(0, 8).map(({ first, pieces, bytesSeen }) => ({
    frame: first.frame,
    timeNs: first.timeNs,
    segment: first.segment,
    summary: `incomplete datagram of ${from.address}: ${plural(pieces, 'piece')}, ${bytesSeen} bytes`,
  }));
}
