import { createHash } from 'node:crypto';
import { IPV4_MAPPED } from '../../../src/wire/ip.js';
import { NAT_DESTINATION, NAT_SECOND_SOURCE, NAT_SOURCE } from '../layout.js';
import type { IkePath, IkeRole, IkeSession, NatCheck } from '../session.js';

/** NAT detection hashes of one message: NAT_ bits, their full length in bytes, and the first eight bytes of each in hex. */
export interface NatHashes {
  readonly present: number;
  readonly length: number;
  readonly destination: string;
  readonly source: string;
  readonly secondSource: string;
}

interface Endpoint {
  /** Four words; IPv4 as 0, 0, 0xFFFF, address. */
  readonly words: Int32Array;
  readonly port: number;
}

const KEPT_HEX_DIGITS = 16;
const NO_ADDRESS = new Int32Array(4);

/**
 * Recomputes HASH(initiator SPI | responder SPI | address | port) for both ends as captured (RFC 3947, section 3.2;
 * RFC 7296, section 2.23). The length of the hash names the algorithm: SHA-1 always in IKEv2, that of phase 1 in IKEv1.
 * Null where the message carries none, or one of an unknown length. `spis`: 32 hexadecimal digits.
 */
export function checkNatHashes(
  hashes: NatHashes,
  spis: string,
  ends: { readonly source: Endpoint; readonly destination: Endpoint },
): Pick<NatCheck, 'source' | 'destination' | 'isForced'> | null {
  const { present, length } = hashes;
  const algorithm = algorithmOf(length);
  if (present === 0 || algorithm === null) return null;
  const hash = ({ words, port }: Endpoint): string => detectionHash(algorithm, spis, words, port);
  const sources = [
    (present & NAT_SOURCE) === 0 ? null : hashes.source,
    (present & NAT_SECOND_SOURCE) === 0 ? null : hashes.secondSource,
  ].filter((source) => source !== null);
  const unspecified = { words: isIpv4(ends.source.words) ? UNSPECIFIED_IPV4 : NO_ADDRESS, port: 0 };
  return {
    source: sources.length === 0 ? 'absent' : sources.includes(hash(ends.source)) ? 'match' : 'mismatch',
    destination:
      (present & NAT_DESTINATION) === 0
        ? 'absent'
        : hashes.destination === hash(ends.destination)
          ? 'match'
          : 'mismatch',
    isForced: sources.includes(hash(unspecified)),
  };
}

const UNSPECIFIED_IPV4 = Int32Array.of(0, 0, IPV4_MAPPED, 0);

function algorithmOf(length: number): string | null {
  switch (length) {
    case 16:
      return 'md5';
    case 20:
      return 'sha1';
    case 32:
      return 'sha256';
    case 48:
      return 'sha384';
    case 64:
      return 'sha512';
    default:
      return null;
  }
}

function detectionHash(algorithm: string, spis: string, words: Int32Array, port: number): string {
  const from = isIpv4(words) ? 3 : 0;
  const address = Buffer.alloc((words.length - from) * 4);
  for (let word = from; word < words.length; word++) address.writeInt32BE(words[word], (word - from) * 4);
  return createHash(algorithm)
    .update(spis, 'hex')
    .update(address)
    .update(Buffer.of(port >>> 8, port & 0xff))
    .digest('hex')
    .slice(0, KEPT_HEX_DIGITS);
}

function isIpv4(words: Int32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === IPV4_MAPPED;
}

/** What the hashes, and addresses that change inside the capture, say of the NAT in front of one side. */
export interface NatOfSide {
  /**
   * `translated`: its address was changed. `translated-or-forced`: its source hash fits no address seen here, and the
   * peer does not see another one: a NAT between it and the capture point, or encapsulation that it forces.
   * `forced`: its source hash is over the unspecified address, or fits none although its packets passed no router before the
   * capture point. `none`: hashes agree. `unknown`: no hashes.
   */
  readonly state: 'translated' | 'translated-or-forced' | 'forced' | 'none' | 'unknown';
  /** Checks that prove it; empty for `unknown` and where the addresses themselves changed. */
  readonly proof: readonly NatCheck[];
  /** The address inside and outside of the NAT, where the capture shows both. */
  readonly addresses: readonly [string, string] | null;
}

/** TTLs that hosts send with: a NAT that packets have passed is a router, and has taken one off. */
const INITIAL_HOPS = [64, 128, 255];

/** What is known of a NAT in front of `role`. */
export function natOf(session: IkeSession, role: IkeRole): NatOfSide {
  const checks = session.natChecks;
  const own = checks.filter(({ from, source }) => from === role && source !== 'absent');
  const ofPeer = checks.filter(({ from, destination }) => from !== role && destination !== 'absent');
  const ownMismatch = own.filter(({ source }) => source === 'mismatch');
  const peerMismatch = ofPeer.filter(({ destination }) => destination === 'mismatch');
  const addresses = session.showsTranslation ? changedAddress(session.paths, role) : null;
  if (addresses) return { state: 'translated', proof: [...ownMismatch, ...peerMismatch], addresses };
  const forced = own.filter(({ isForced }) => isForced);
  if (forced.length > 0) return { state: 'forced', proof: forced, addresses: null };
  if (peerMismatch.length > 0) {
    return { state: 'translated', proof: [...ownMismatch, ...peerMismatch], addresses: null };
  }
  if (ownMismatch.length > 0) {
    const isUnrouted = INITIAL_HOPS.includes(session.peers[role].timeToLive);
    return { state: isUnrouted ? 'forced' : 'translated-or-forced', proof: ownMismatch, addresses: null };
  }
  return { state: own.length + ofPeer.length > 0 ? 'none' : 'unknown', proof: [], addresses: null };
}

/** Two addresses of one side towards the same address of the other: the capture shows both sides of a NAT. */
function changedAddress(paths: readonly IkePath[], role: IkeRole): readonly [string, string] | null {
  const peer = role === 'initiator' ? 'responder' : 'initiator';
  for (const path of paths) {
    const other = paths.find((one) => one[peer] === path[peer] && one[role] !== path[role]);
    if (other) return [path[role], other[role]];
  }
  return null;
}
