import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile, TextLine } from '../../../src/side-files/text-file.js';
import { type IkeLogEventKind, SENTENCES } from '../log-sentences.js';

export type { IkeLogEventKind };

export interface IkeLogEvent {
  readonly origin: Origin;
  readonly kind: IkeLogEventKind;
  /** Name of the connection, null where the line has none. */
  readonly connection: string | null;
  /** Address of the peer, and of this side, where the line has them. */
  readonly peer: string | null;
  readonly local: string | null;
  /** The sentence, without what stands before it. */
  readonly text: string;
}

/** A pair of SAs as the daemon of one gateway logs them. */
export interface LoggedSa {
  readonly origin: Origin;
  readonly connection: string | null;
  readonly peer: string | null;
  readonly protocol: 'esp' | 'ah' | 'ipcomp';
  /** The gateway sends with this SPI, and receives with that one. */
  readonly outboundSpi: number;
  readonly inboundSpi: number;
  readonly inUdp: boolean;
  /** NAT that the daemon found (`NATD=`), as it writes it; null where it says none or nothing. */
  readonly nat: string | null;
  /** Protected networks of this side and of the peer; empty where the line has none. */
  readonly localNetworks: readonly string[];
  readonly remoteNetworks: readonly string[];
}

export interface IkeLog {
  readonly file: string;
  readonly events: readonly IkeLogEvent[];
  readonly sas: readonly LoggedSa[];
}

const EVENTS_MAX = 100_000;

/** `"conn"`, `"conn"[2] 192.0.2.1`, then `#797:`; at times without the serial. */
const PLUTO = /"([^"]{1,200})"(?:\[\d{1,9}\])?(?: ([0-9a-fA-F.:]{2,45}))? ?(?:#\d{1,9})?: (.*)$/;
/** `05[IKE] …`, `charon: 05[CFG] …`, with or without the name `<conn|3>`. */
const CHARON =
  /\b\d{1,3}\[(?:IKE|CFG|ENC|NET|KNL|CHD|ESP|MGR|DMN|LIB)\d?\] (?:<([^|>]{1,200})\|\d{1,9}> )?(.*)$/;
/** charon of systemd, or with the group left out: `charon-systemd[813]: no IKE config found for …`. */
const CHARON_PLAIN = /\bcharon(?:-systemd|-svc|-cmd)?(?:\[\d{1,9}\])?: (?:<([^|>]{1,200})\|\d{1,9}> )?(.*)$/;
/** Before a connection is known: `pluto[2531]: packet from 205.150.200.247:500: …`; and what pluto says of itself. */
const PLUTO_PACKET = /\bpacket from ([0-9a-fA-F.:]{2,45}):\d{1,5}: (.*)$/;
const PLUTO_PLAIN = /\bpluto\[\d{1,9}\]: (.*)$/;
const PLUTO_SA =
  /\b(ESP(?:\/NAT|inUDP|inTCP)?(?:\/NAT|\/ESN)*|AH|IPCOMP)=>0x([0-9a-f]{1,8}) <0x([0-9a-f]{1,8})([^}]{0,400})/i;
const CHARON_SA =
  /CHILD_SA ([^\s{]{1,200})\{\d{1,9}\} (?:established|rekeyed)? ?.{0,40}?with SPIs ([0-9a-f]{8})_i ([0-9a-f]{8})_o(?: and TS (.{1,400}?) === (.{1,400}))?$/;

/**
 * Logs of IKE daemons and what `ipsec auto --up` prints: pluto (openswan, libreswan) and charon (strongSwan). Only
 * sentences of known meaning are taken; everything else in a log is left alone.
 */
export default defineSideFileReader<IkeLog>({
  kind: 'IKE log',
  text: {
    words: { logs: ['a log of pluto or charon'], outputOf: ['ipsec auto --up', 'swanctl --initiate'] },
    read: readIkeLog,
  },
  statements: ({ events, sas }) => events.length + sas.length,
  names: { rank: 'connection', nameOf: gatewayName },
  commands: ['ipsec', 'pluto'],
  usedBy: ['ike.auth-failure', 'ike.refused-in-log', 'ike.nat-undetected', 'esp.spi-mismatch'],
});

/** One log a file; empty where no line is one of an IKE daemon's. */
function readIkeLog({ file, lines }: TextFile): IkeLog[] {
  const events: IkeLogEvent[] = [];
  const sas: LoggedSa[] = [];
  for (const line of lines) {
    if (events.length + sas.length >= EVENTS_MAX) break;
    const said = pluto(line) ?? charon(line) ?? plutoWithoutName(line);
    if (said === null) continue;
    const origin = { file, place: `line ${line.number}` };
    const sa = loggedSa(said, origin);
    if (sa !== null) sas.push(sa);
    const kind = SENTENCES.find(([, pattern]) => pattern.test(said.text))?.[0];
    if (kind !== undefined) events.push({ origin, kind, ...said });
  }
  return events.length + sas.length === 0 ? [] : [{ file, events, sas }];
}

interface Said {
  readonly connection: string | null;
  readonly peer: string | null;
  readonly local: string | null;
  readonly text: string;
}

function pluto({ text }: TextLine): Said | null {
  const parts = PLUTO.exec(text);
  if (parts === null) return null;
  const [, connection, peer, said] = parts;
  return {
    connection,
    peer: peer === undefined ? null : canonicalAddress(peer),
    local: receivedOn(said),
    text: said,
  };
}

function plutoWithoutName({ text }: TextLine): Said | null {
  const packet = PLUTO_PACKET.exec(text);
  if (packet !== null) {
    const [, peer, said] = packet;
    return { connection: null, peer: canonicalAddress(peer), local: receivedOn(said), text: said };
  }
  const said = PLUTO_PLAIN.exec(text)?.[1];
  return said === undefined ? null : { connection: null, peer: peerIn(said), local: null, text: said };
}

/** `initial Main Mode message received on 205.150.200.252:500 but …` */
function receivedOn(text: string): string | null {
  return canonicalAddress(/\breceived on ([0-9a-fA-F.:]{2,45}):\d{1,5}\b/.exec(text)?.[1] ?? '');
}

/** `to 192.0.2.2`, `for message to 192.0.2.2 port 500`, `no IKE config found for LOCAL...PEER`, `between A[id]...B[id]`. */
function peerIn(text: string): string | null {
  const found = /\bto ([0-9a-fA-F.:]{3,45})\b|\.\.\.([0-9a-fA-F.:]{3,45})(?=\[|,|$)/.exec(text);
  return found === null ? null : canonicalAddress((found[1] ?? found[2]).replace(/[.:]$/, ''));
}

/** charon names the peer in some sentences only: `initiating IKE_SA net[1] to 192.0.2.2`, `between A[id]...B[id]`. */
function charon({ text }: TextLine): Said | null {
  const parts = CHARON.exec(text) ?? CHARON_PLAIN.exec(text);
  if (parts === null) return null;
  const [, named, said] = parts;
  const connection = named ?? /(?:IKE_SA|CHILD_SA) ([^\s[{]{1,200})[[{]\d/.exec(said)?.[1] ?? null;
  const local = /found for ([0-9a-fA-F.:]{3,45}?)\.\.\./.exec(said)?.[1] ?? '';
  return { connection, peer: peerIn(said), local: canonicalAddress(local), text: said };
}

const PROTOCOLS: readonly (readonly [RegExp, LoggedSa['protocol']])[] = [
  [/^ESP/i, 'esp'],
  [/^AH/i, 'ah'],
  [/^IPCOMP/i, 'ipcomp'],
];

function loggedSa({ connection, peer, text }: Said, origin: Origin): LoggedSa | null {
  const byPluto = PLUTO_SA.exec(text);
  if (byPluto !== null) {
    const [, name, outbound, inbound, rest] = byPluto;
    const nat = /NATD=([^\s}]{1,64})/.exec(rest)?.[1] ?? 'none';
    return {
      origin,
      connection,
      peer,
      protocol: PROTOCOLS.find(([pattern]) => pattern.test(name))?.[1] ?? 'esp',
      outboundSpi: Number.parseInt(outbound, 16),
      inboundSpi: Number.parseInt(inbound, 16),
      inUdp: /NAT|UDP/i.test(name),
      nat: /^(?:none|<invalid>|<?unset)/i.test(nat) ? null : nat,
      localNetworks: [],
      remoteNetworks: [],
    };
  }
  const byCharon = CHARON_SA.exec(text);
  if (byCharon === null) return null;
  const [, name, inbound, outbound, local = '', remote = ''] = byCharon;
  return {
    origin,
    connection: connection ?? name,
    peer,
    protocol: 'esp',
    outboundSpi: Number.parseInt(outbound, 16),
    inboundSpi: Number.parseInt(inbound, 16),
    inUdp: /UDP/.test(text),
    nat: null,
    localNetworks: networksOf(local),
    remoteNetworks: networksOf(remote),
  };
}

/** Traffic selectors: `10.1.0.0/16 10.3.0.0/16[tcp]`. */
function networksOf(text: string): string[] {
  return text
    .split(/\s+/)
    .map((part) => part.replace(/\[.*$/, ''))
    .filter((part) => part !== '');
}

/** The peer of a connection that a log names. */
function gatewayName(address: string, logs: readonly IkeLog[]): string | null {
  for (const { events, sas } of logs) {
    const said = [...events, ...sas].find(({ peer, connection }) => peer === address && connection !== null);
    if (said !== undefined) return `peer of ${said.connection}`;
  }
  return null;
}
