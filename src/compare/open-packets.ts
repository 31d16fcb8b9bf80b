import { PROTOCOL_TCP } from '../wire/ip.js';
import type { ComparedPacket } from './compared-packet.js';

const BY_CONTENT = 1;
const BY_IDENTIFICATION = 2;
const BY_SHAPE = 3;
const BY_SEQUENCE = 4;

/** Packets that arrived and have no partner yet, by what they may share with a packet that was sent. */
export class OpenPackets {
  private readonly lists = new Map<number, ComparedPacket[]>();

  add(packet: ComparedPacket, protocol: number): void {
    this.put(keyOf(packet, BY_CONTENT, packet.digest ^ packet.shape), packet);
    if (protocol === PROTOCOL_TCP) this.put(keyOf(packet, BY_SEQUENCE, packet.offset), packet);
    else this.put(keyOf(packet, BY_SHAPE, packet.shape), packet);
    if (packet.identification !== 0)
      this.put(keyOf(packet, BY_IDENTIFICATION, packet.identification), packet);
  }

  remove(packet: ComparedPacket, protocol: number): void {
    this.take(keyOf(packet, BY_CONTENT, packet.digest ^ packet.shape), packet);
    if (protocol === PROTOCOL_TCP) this.take(keyOf(packet, BY_SEQUENCE, packet.offset), packet);
    else this.take(keyOf(packet, BY_SHAPE, packet.shape), packet);
    if (packet.identification !== 0)
      this.take(keyOf(packet, BY_IDENTIFICATION, packet.identification), packet);
  }

  withContent(packet: ComparedPacket): ComparedPacket[] {
    return this.find(keyOf(packet, BY_CONTENT, packet.digest ^ packet.shape), packet).filter(
      (one) => one.shape === packet.shape && one.digest === packet.digest,
    );
  }

  withIdentification(packet: ComparedPacket): ComparedPacket[] {
    if (packet.identification === 0) return [];
    return this.find(keyOf(packet, BY_IDENTIFICATION, packet.identification), packet).filter(
      (one) => one.identification === packet.identification,
    );
  }

  withShape(packet: ComparedPacket): ComparedPacket[] {
    return this.find(keyOf(packet, BY_SHAPE, packet.shape), packet).filter(
      (one) => one.shape === packet.shape,
    );
  }

  withSequence(packet: ComparedPacket): ComparedPacket[] {
    return this.find(keyOf(packet, BY_SEQUENCE, packet.offset), packet).filter(
      (one) => one.offset === packet.offset,
    );
  }

  private find(key: number, { channel }: ComparedPacket): ComparedPacket[] {
    return (this.lists.get(key) ?? []).filter((one) => one.isOpen && one.channel === channel);
  }

  private put(key: number, packet: ComparedPacket): void {
    const known = this.lists.get(key);
    if (known) known.push(packet);
    else this.lists.set(key, [packet]);
  }

  private take(key: number, packet: ComparedPacket): void {
    const known = this.lists.get(key);
    if (!known) return;
    const at = known.indexOf(packet);
    if (at >= 0) known.splice(at, 1);
    if (known.length === 0) this.lists.delete(key);
  }
}

function keyOf({ channel }: ComparedPacket, kind: number, value: number): number {
  const mixed = Math.imul((channel * 4 + kind) ^ 0x2c1b3c6d, 0x297a2d39) ^ value;
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0;
}
