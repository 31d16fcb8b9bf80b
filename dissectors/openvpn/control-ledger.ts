import type { FrameRef } from '../../src/moment.js';
import * as openvpn from './layout.js';
import type { PacketFacts } from './packet-facts.js';
import { WRAP_TLS_CRYPT, WRAP_UNREAD } from './rows.js';
import { type ControlMessage, type Handshake, MESSAGES_KEPT, SENDS_KEPT, type TlsAlert } from './session.js';

/** Handshakes of one conversation that are kept: the first half, and the last ones. */
const HANDSHAKES_KEPT = 64;
const FIRST_HANDSHAKES_KEPT = 32;
const ALERTS_KEPT = 8;

interface OpenMessage extends ControlMessage {
  readonly keyOfMessage: string;
}

/** A handshake while its packets come in. */
interface OpenHandshake extends Handshake {
  clientResets: OpenMessage | null;
  serverResets: OpenMessage | null;
  readonly messages: OpenMessage[];
  messagesDropped: number;
  readonly alerts: TlsAlert[];
  readonly firstData: [FrameRef | null, FrameRef | null];
  readonly acknowledgedIds: [number, number];
  readonly lastControl: [FrameRef | null, FrameRef | null];
}

/** The control channel of a conversation. Bounded: HANDSHAKES_KEPT handshakes of MESSAGES_KEPT messages. */
export class ControlLedger {
  private readonly handshakes: OpenHandshake[] = [];
  private dropped = 0;
  /** The latest handshake by key id: data packets name the key that they use. */
  private readonly byKey: (OpenHandshake | undefined)[] = [];

  /** @returns true where the packet opens a handshake, so that what was counted by key id belongs to older keys. */
  add(facts: PacketFacts): boolean {
    const before = this.handshakes.length + this.dropped;
    const handshake = this.handshakeOf(facts);
    const isNew = this.handshakes.length + this.dropped > before;
    handshake.last = facts.ref;
    handshake.lastControl[facts.way] = facts.ref;
    this.noteSessions(handshake, facts);
    this.noteMessage(handshake, facts);
    this.noteAcknowledgments(handshake, facts);
    if (facts.alertLevel > 0 && handshake.alerts.length < ALERTS_KEPT) {
      const { ref, way, alertLevel: level, alertDescription: description } = facts;
      handshake.alerts.push({ ...ref, way, level, description });
    }
    return isNew;
  }

  /** A data packet with a key: the handshake that made the key has come to its end. */
  noteData(keyId: number, way: 0 | 1, frame: number, timeNs: number, segment: number): void {
    const handshake = this.byKey[keyId];
    if (!handshake || handshake.firstData[way]) return;
    handshake.firstData[way] = { frame, timeNs, segment };
  }

  /** True until data was seen both ways with that key. */
  awaitsData(keyId: number, way: 0 | 1): boolean {
    const handshake = this.byKey[keyId];
    return handshake !== undefined && handshake.firstData[way] === null;
  }

  get handshakesDropped(): number {
    return this.dropped;
  }

  describe(): Handshake[] {
    return this.handshakes.map((one) => ({
      ...one,
      clientResets: one.clientResets && copyOf(one.clientResets),
      serverResets: one.serverResets && copyOf(one.serverResets),
      messages: one.messages.map(copyOf),
      alerts: [...one.alerts],
      firstData: [one.firstData[0], one.firstData[1]],
      acknowledgedIds: [one.acknowledgedIds[0], one.acknowledgedIds[1]],
      lastControl: [one.lastControl[0], one.lastControl[1]],
    }));
  }

  private handshakeOf(facts: PacketFacts): OpenHandshake {
    const { opcode, keyId } = facts;
    const known = this.byKey[keyId];
    if (openvpn.isClientReset(opcode)) {
      if (known && known.kind === 'hard' && known.clientSession === facts.session) return known;
      // A server that answers first is seen where the reset itself was not.
      if (known?.kind === 'hard' && known.clientSession === null && known.messages.length === 0) return known;
      return this.open('hard', facts);
    }
    if (openvpn.isServerReset(opcode)) {
      const isKnown = known && known.kind === 'hard' && this.mayAnswer(known, facts);
      return isKnown ? known : this.open('hard', facts);
    }
    if (opcode === openvpn.SOFT_RESET) {
      const isKnown = known && known.kind === 'soft' && known.firstData.every((data) => data === null);
      return isKnown ? known : this.open('soft', facts);
    }
    return known ?? this.open('joined', facts);
  }

  private mayAnswer(handshake: OpenHandshake, { session, remote }: PacketFacts): boolean {
    if (handshake.clientSession !== null && remote !== null && remote !== handshake.clientSession)
      return false;
    return handshake.serverSession === null || handshake.serverSession === session || remote !== null;
  }

  private open(kind: Handshake['kind'], { keyId, ref }: PacketFacts): OpenHandshake {
    const handshake: OpenHandshake = {
      kind,
      keyId,
      clientSession: null,
      serverSession: null,
      first: ref,
      last: ref,
      clientResets: null,
      serverResets: null,
      messages: [],
      messagesDropped: 0,
      alerts: [],
      firstData: [null, null],
      acknowledgedIds: [0, 0],
      lastControl: [null, null],
    };
    if (this.handshakes.length >= HANDSHAKES_KEPT) {
      this.handshakes.splice(FIRST_HANDSHAKES_KEPT, 1);
      this.dropped++;
    }
    this.handshakes.push(handshake);
    if (kind === 'hard') this.byKey.length = 0;
    this.byKey[keyId] = handshake;
    return handshake;
  }

  private noteSessions(handshake: OpenHandshake, { opcode, session, remote }: PacketFacts): void {
    if (openvpn.isClientReset(opcode)) handshake.clientSession = session;
    else if (openvpn.isServerReset(opcode)) {
      handshake.serverSession = session;
      handshake.clientSession ??= remote;
    }
  }

  private noteMessage(handshake: OpenHandshake, facts: PacketFacts): void {
    const { opcode, way } = facts;
    if (opcode === openvpn.ACK) return;
    if (openvpn.isClientReset(opcode)) {
      handshake.clientResets ??= messageOf(facts);
      addSending(handshake.clientResets, facts);
      return;
    }
    if (openvpn.isServerReset(opcode)) {
      handshake.serverResets ??= messageOf(facts);
      addSending(handshake.serverResets, facts);
      return;
    }
    const key = keyOf(facts);
    let message = handshake.messages.find((one) => one.way === way && one.keyOfMessage === key);
    if (!message) {
      if (handshake.messages.length >= MESSAGES_KEPT) {
        handshake.messagesDropped++;
        return;
      }
      message = messageOf(facts);
      handshake.messages.push(message);
    }
    addSending(message, facts);
  }

  private noteAcknowledgments(handshake: OpenHandshake, facts: PacketFacts): void {
    const { ackCount, ackHighest, ackBits, way, ref } = facts;
    if (ackCount === 0) return;
    for (let below = 0; below < 32 && below <= ackHighest; below++) {
      const id = ackHighest - below;
      if (id < 32 && (ackBits & (1 << below)) !== 0) handshake.acknowledgedIds[way] |= 1 << id;
    }
    for (const message of handshake.messages) {
      if (message.way === way || message.id === null) continue;
      const below = ackHighest - message.id;
      if (below < 0 || below >= 32 || (ackBits & (1 << below)) === 0) continue;
      message.acknowledged ??= ref;
      message.acknowledgments++;
    }
  }
}

function keyOf({ opcode, wrapping, messageId, length }: PacketFacts): string {
  const isHidden = wrapping === WRAP_TLS_CRYPT || wrapping === WRAP_UNREAD;
  return isHidden ? `${opcode} ${length} bytes` : `${messageId}`;
}

function messageOf(facts: PacketFacts): OpenMessage {
  const { way, opcode, wrapping, messageId, length } = facts;
  const isHidden = wrapping === WRAP_TLS_CRYPT || wrapping === WRAP_UNREAD;
  return {
    keyOfMessage: keyOf(facts),
    way,
    opcode,
    id: isHidden ? null : messageId,
    length,
    sends: 0,
    sendings: [],
    acknowledged: null,
    acknowledgments: 0,
    isFragmented: false,
  };
}

function addSending(message: OpenMessage, { ref, isFragment }: PacketFacts): void {
  message.sends++;
  if (isFragment) message.isFragmented = true;
  if (message.sendings.length >= SENDS_KEPT) message.sendings.pop();
  message.sendings.push(ref);
}

function copyOf(message: OpenMessage): OpenMessage {
  return { ...message, sendings: [...message.sendings] };
}
