import { ascii, concat, u8, u16, u32, zeros } from './bytes.js';

export const BGP_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

/** RFC 4271 section 4.1. */
export function bgpMessage(type: number, body: Uint8Array): Uint8Array {
  return concat(new Uint8Array(16).fill(0xff), u16(19 + body.length), u8(type), body);
}

export interface BgpOpenMessage {
  as: number;
  holdTime: number;
  /** Router id as four bytes in a number. */
  identifier: number;
  /** Lengths of two bytes (RFC 9072). */
  extended?: boolean;
}

/** With the capabilities multiprotocol, route refresh, extended message and four-byte AS. */
export function bgpOpen({ as, holdTime, identifier, extended = false }: BgpOpenMessage): Uint8Array {
  const capabilities = concat(
    concat(u8(1), u8(4), u16(1), u8(0), u8(1)),
    concat(u8(2), u8(0)),
    concat(u8(6), u8(0)),
    concat(u8(65), u8(4), u32(as)),
  );
  const fixed = concat(u8(4), u16(as > 0xffff ? 23_456 : as), u16(holdTime), u32(identifier));
  const parameters = extended
    ? concat(u8(2), u16(capabilities.length), capabilities)
    : concat(u8(2), u8(capabilities.length), capabilities);
  const lengths = extended ? concat(u8(255), u8(255), u16(parameters.length)) : u8(parameters.length);
  return bgpMessage(BGP_TYPE.open, concat(fixed, lengths, parameters));
}

export function bgpKeepalive(): Uint8Array {
  return bgpMessage(BGP_TYPE.keepalive, zeros(0));
}

/** MP_REACH_NLRI or MP_UNREACH_NLRI of one IPv6 unicast prefix of whole bytes (RFC 4760). */
export function bgpIpv6Update(prefix: Uint8Array, isWithdrawn: boolean): Uint8Array {
  const nlri = concat(u8(prefix.length * 8), prefix);
  const value = concat(u16(2), u8(1), isWithdrawn ? zeros(0) : concat(u8(16), zeros(16), u8(0)), nlri);
  const attribute = concat(u8(0x80), u8(isWithdrawn ? 15 : 14), u8(value.length), value);
  return bgpMessage(BGP_TYPE.update, concat(u16(0), u16(attribute.length), attribute));
}

/** Withdraws or announces one IPv4 prefix of whole bytes; announcements with a MULTI_EXIT_DISC. */
export function bgpRoute(prefix: Uint8Array, isWithdrawn: boolean, med = 0): Uint8Array {
  const nlri = concat(u8(prefix.length * 8), prefix);
  if (isWithdrawn) return bgpMessage(BGP_TYPE.update, concat(u16(nlri.length), nlri, u16(0)));
  const attributes = concat(
    concat(u8(0x40), u8(1), u8(1), u8(0)),
    concat(u8(0x40), u8(2), u8(0)),
    concat(u8(0x40), u8(3), u8(4), u32(0xc0000201)),
    concat(u8(0x80), u8(4), u8(4), u32(med)),
  );
  return bgpMessage(BGP_TYPE.update, concat(u16(0), u16(attributes.length), attributes, nlri));
}

/** Withdraws and announces that many /24; ORIGIN, an empty AS_PATH and NEXT_HOP where it announces any. */
export function bgpUpdate({
  withdrawn = 0,
  announced = 0,
}: {
  withdrawn?: number;
  announced?: number;
}): Uint8Array {
  const prefixes = (count: number, high: number): Uint8Array =>
    concat(...Array.from({ length: count }, (_, i) => concat(u8(24), u8(high), u16(i))));
  const attributes =
    announced === 0
      ? zeros(0)
      : concat(
          concat(u8(0x40), u8(1), u8(1), u8(0)),
          concat(u8(0x40), u8(2), u8(0)),
          concat(u8(0x40), u8(3), u8(4), u32(0xc0000201)),
        );
  const routes = prefixes(withdrawn, 10);
  return bgpMessage(
    BGP_TYPE.update,
    concat(u16(routes.length), routes, u16(attributes.length), attributes, prefixes(announced, 11)),
  );
}

export function bgpNotification(code: number, subcode: number, data: Uint8Array = zeros(0)): Uint8Array {
  return bgpMessage(BGP_TYPE.notification, concat(u8(code), u8(subcode), data));
}

/** Data of an administrative shutdown or reset (RFC 9003 section 2). */
export function shutdownText(text: string): Uint8Array {
  const bytes = ascii(text);
  return concat(u8(bytes.length), bytes);
}

export function md5Option(): Uint8Array {
  return concat(u8(1), u8(1), u8(19), u8(18), zeros(16));
}
