import { address, mac } from './address.js';
import { concat, u8, u16, u32, zeros } from './bytes.js';

export const DHCP_TYPE = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const;

export interface Dhcp {
  type: number;
  transaction: number;
  clientMac: string;
  yourAddress?: string;
  /** Option 54; set in messages of servers. */
  server?: string;
  /** Option 26. */
  interfaceMtu?: number;
  /** Option 55. */
  parameters?: readonly number[];
}

const ANYWHERE = '0.0.0.0';

/** RFC 2131 section 2, with the options in order of their number. */
export function dhcp(message: Dhcp): Uint8Array {
  const { type, transaction, clientMac, yourAddress = ANYWHERE, server, interfaceMtu, parameters } = message;
  const isReply = type === DHCP_TYPE.offer || type === DHCP_TYPE.ack || type === DHCP_TYPE.nak;
  const option = (number: number, value: Uint8Array): Uint8Array =>
    concat(u8(number), u8(value.length), value);
  return concat(
    u8(isReply ? 2 : 1),
    u8(1),
    u8(6),
    u8(0),
    u32(transaction),
    u16(0),
    u16(0x8000),
    zeros(4),
    address(yourAddress),
    address(server ?? ANYWHERE),
    zeros(4),
    mac(clientMac),
    zeros(10 + 64 + 128),
    u32(0x6382_5363),
    interfaceMtu === undefined ? zeros(0) : option(26, u16(interfaceMtu)),
    option(53, u8(type)),
    server === undefined ? zeros(0) : option(54, address(server)),
    parameters === undefined ? zeros(0) : option(55, Uint8Array.from(parameters)),
    u8(255),
  );
}
