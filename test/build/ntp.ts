import { ascii, concat, u8, u32, u64, zeros } from './bytes.js';
import type { Endpoint, Timeline } from './scenario.js';

export const NTP_MODE = {
  symmetricActive: 1,
  symmetricPassive: 2,
  client: 3,
  server: 4,
  broadcast: 5,
} as const;

export interface Ntp {
  mode: number;
  leap?: number;
  version?: number;
  stratum?: number;
  poll?: number;
  /** Four characters, or an address as a number. */
  referenceId?: string | number;
  originate?: bigint;
  receive?: bigint;
  transmit?: bigint;
}

const SECONDS_1900_TO_1970 = 2_208_988_800n;

/** An NTP timestamp of a time in nanoseconds since 1970 (RFC 5905 section 6), in whatever era. */
export function ntpTime(timeNs: bigint): bigint {
  const seconds = timeNs / 1_000_000_000n + SECONDS_1900_TO_1970;
  const fraction = ((timeNs % 1_000_000_000n) << 32n) / 1_000_000_000n;
  return ((seconds & 0xffff_ffffn) << 32n) | fraction;
}

/** RFC 5905 section 7.3, without extensions. */
export function ntp(header: Ntp): Uint8Array {
  const { leap = 0, version = 4, mode, stratum = 2, poll = 6, referenceId = 0xc0000201 } = header;
  return concat(
    u8((leap << 6) | (version << 3) | mode),
    u8(stratum),
    u8(poll),
    u8(-23),
    u32(0x0000_0a12),
    u32(0x0000_03e1),
    typeof referenceId === 'number' ? u32(referenceId) : concat(ascii(referenceId), zeros(4)).slice(0, 4),
    u64(header.receive ?? 0n),
    u64(header.originate ?? 0n),
    u64(header.receive ?? 0n),
    u64(header.transmit ?? 0n),
  );
}

export interface NtpExchange {
  at: number;
  /** Server's clock minus the capture's, in seconds. */
  server?: number;
  /** Client's clock minus the capture's; null: it sends random bits instead of its time. */
  client?: number | null;
  roundTripSeconds?: number;
  answered?: boolean;
  request?: Partial<Ntp>;
  reply?: Partial<Ntp>;
  clientPort?: number;
}

/** A client's request and the server's answer. */
export function ntpExchange(t: Timeline, from: Endpoint, to: Endpoint, options: NtpExchange): void {
  const { at, roundTripSeconds = 0.018, clientPort = 123 } = options;
  const half = roundTripSeconds / 2;
  const transmit =
    options.client === null
      ? (BigInt(t.random.next()) << 32n) | BigInt(t.random.next())
      : ntpTime(t.timeNs(at + (options.client ?? 0)));
  const asking = { ...from, port: clientPort };
  const serving = { ...to, port: 123 };
  t.sendUdp(at, asking, serving, ntp({ mode: NTP_MODE.client, transmit, stratum: 3, ...options.request }));
  if (options.answered === false) return;
  const reply = ntp({
    mode: NTP_MODE.server,
    originate: transmit,
    receive: ntpTime(t.timeNs(at + half + (options.server ?? 0))),
    transmit: ntpTime(t.timeNs(at + half + 40e-6 + (options.server ?? 0))),
    ...options.reply,
  });
  t.sendUdp(at + roundTripSeconds + 40e-6, serving, asking, reply);
}
