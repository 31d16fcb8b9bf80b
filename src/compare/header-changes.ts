import { IDENTITY_DONT_FRAGMENT, IDENTITY_IPV6 } from '../observe/engine-tables.js';
import type { ComparedPacket } from './compared-packet.js';
import type { FieldDifference } from './packet-changes.js';

const ECN_NAMES = ['not ECT', 'ECT(1)', 'ECT(0)', 'CE'];
const DSCP_EXPEDITED = 46;
const DSCP_VOICE_ADMIT = 44;

/** What the records of a packet tell of changes in its IP header, without its bytes. */
export function headerChanges(sent: ComparedPacket, received: ComparedPacket): FieldDifference[] {
  const changes: FieldDifference[] = [];
  const note = (field: string, from: string, to: string): void => {
    if (from !== to) changes.push({ field, from, to });
  };
  note('DSCP', dscpName(sent.trafficClass >> 2), dscpName(received.trafficClass >> 2));
  note('ECN', ECN_NAMES[sent.trafficClass & 3], ECN_NAMES[received.trafficClass & 3]);
  if (isIpv4(sent) && isIpv4(received)) {
    const mayFragment = ({ flags }: ComparedPacket): string =>
      (flags & IDENTITY_DONT_FRAGMENT) === 0 ? 'clear' : 'set';
    note('IPv4 do not fragment', mayFragment(sent), mayFragment(received));
  }
  return changes;
}

/** True for all but few packets: asked before anything is written down. */
export function isEqualHeader(sent: ComparedPacket, received: ComparedPacket): boolean {
  const mask = IDENTITY_DONT_FRAGMENT | IDENTITY_IPV6;
  if (sent.trafficClass !== received.trafficClass) return false;
  return (sent.flags & mask) === (received.flags & mask) || !isIpv4(sent) || !isIpv4(received);
}

/** True where something was changed that only the bytes of the packet can name. */
export function hidesChanges(sent: ComparedPacket, received: ComparedPacket): boolean {
  if (sent.change === 'modified') return true;
  if (sent.options !== received.options) return true;
  return isIpv4(sent) === isIpv4(received) && sent.masked !== received.masked;
}

function isIpv4({ flags }: ComparedPacket): boolean {
  return (flags & IDENTITY_IPV6) === 0;
}

/** `46 (EF)`, `26 (AF31)`, `0` (RFC 2474, 2597, 3246, 5865). */
function dscpName(dscp: number): string {
  const name = nameOf(dscp);
  return name === null ? String(dscp) : `${dscp} (${name})`;
}

function nameOf(dscp: number): string | null {
  if (dscp === DSCP_EXPEDITED) return 'EF';
  if (dscp === DSCP_VOICE_ADMIT) return 'VA';
  const [group, drop] = [dscp >> 3, (dscp >> 1) & 3];
  if (dscp === 0 || (dscp & 1) !== 0) return null;
  if (drop === 0) return `CS${group}`;
  return group >= 1 && group <= 4 ? `AF${group}${drop}` : null;
}
