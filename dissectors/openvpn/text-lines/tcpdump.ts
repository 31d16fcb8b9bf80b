import type { PacketLines } from '../../../src/capture/packet-lines.js';
import * as openvpn from '../layout.js';

const WORDS = /^UDP, length:? (\d{1,5})$/;
const SERVER_RESET_LENGTH = openvpn.RESET_LENGTH_MIN + openvpn.ID_LENGTH + openvpn.SESSION_ID_LENGTH;
/**
 * What is added to a reset: nothing; tls-auth with SHA1; tls-auth with SHA256, or tls-crypt. With longer digests it is as
 * long as many packets of data.
 */
const WRAPPINGS = [0, 20 + openvpn.REPLAY_LENGTH, 32 + openvpn.REPLAY_LENGTH];
/** A reset is repeated after 2, 4, 8 … s. */
const REPEATED_AFTER_NS = 1_000_000_000n;
const FLOWS_MAX = 4096;

interface Flow {
  /** What is added to the resets of the client. */
  wrapping: number;
  lastNs: bigint | null;
  /** Something else was said, so that a packet of the length of a wrapped reset may be data. */
  isUnderWay: boolean;
}

/**
 * `UDP, length 14` to port 1194: the hard reset of a client has a length that nothing else has, or with a digest hardly
 * anything. Its first byte is all that such a line tells.
 */
const resets: PacketLines = {
  carriedBy: 'udp',
  read(words, { source, sourcePort, destination, destinationPort, timeNs, memory }) {
    if (sourcePort !== openvpn.PORT && destinationPort !== openvpn.PORT) return null;
    const found = WORDS.exec(words)?.[1];
    if (found === undefined) return null;
    const length = Number(found);
    const flows = memory('openvpn', () => new Map<string, Flow>());
    const asked = flows.get(`${destination} ${destinationPort} ${source} ${sourcePort}`);
    if (asked !== undefined && length === SERVER_RESET_LENGTH + asked.wrapping) {
      return firstByte(openvpn.HARD_RESET_SERVER_V2, length);
    }
    if (asked !== undefined) asked.isUnderWay = true;
    if (destinationPort !== openvpn.PORT) return null;
    if (flows.size >= FLOWS_MAX) flows.clear();
    const key = `${source} ${sourcePort} ${destination} ${destinationPort}`;
    const flow = flows.get(key) ?? { wrapping: 0, lastNs: null, isUnderWay: false };
    flows.set(key, flow);
    return isReset(flow, length, timeNs) ? firstByte(openvpn.HARD_RESET_CLIENT_V2, length) : null;
  },
};
export default resets;

function isReset(flow: Flow, length: number, timeNs: bigint | null): boolean {
  const wrapping = length - openvpn.RESET_LENGTH_MIN;
  const { lastNs } = flow;
  const isSoon = lastNs !== null && timeNs !== null && timeNs - lastNs < REPEATED_AFTER_NS;
  flow.lastNs = timeNs;
  const isOne = WRAPPINGS.includes(wrapping) && (wrapping === 0 || !(flow.isUnderWay || isSoon));
  if (isOne) flow.wrapping = wrapping;
  else flow.isUnderWay = true;
  return isOne;
}

function firstByte(opcode: number, length: number): { bytes: Uint8Array; length: number } {
  return { bytes: Uint8Array.of(opcode << openvpn.OPCODE_SHIFT), length };
}
