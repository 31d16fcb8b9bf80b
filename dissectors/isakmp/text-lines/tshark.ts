import { blankLayer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { DESTINATION_PORT, PORT_IKE, SOURCE_PORT, UDP_HEADER_LENGTH } from '../../../src/wire/transport.js';
import tcpdump from './tcpdump.js';

const V2 =
  /^ISAKMP (IKE_SA_INIT|IKE_AUTH|CREATE_CHILD_SA|INFORMATIONAL) MID=(\d{1,10}) (Initiator|Responder) (Request|Response)/;
const V1 =
  /^ISAKMP (Identity Protection \(Main Mode\)|Aggressive|Informational|Quick Mode)(?: \(Aggressive\))?/;
const NAMES_V2: Readonly<Record<string, string>> = {
  IKE_SA_INIT: 'parent_sa ikev2_init',
  IKE_AUTH: 'child_sa  ikev2_auth',
  CREATE_CHILD_SA: 'child_sa  child_sa',
  INFORMATIONAL: 'child_sa  inf2',
};
const NAMES_V1: Readonly<Record<string, string>> = {
  Aggressive: 'phase 1 ? agg',
  Informational: 'phase 2/others ? inf',
  'Quick Mode': 'phase 2/others ? oakley-quick[E]',
};

/**
 * `ISAKMP IKE_AUTH MID=01 Initiator Request` and `ISAKMP Identity Protection (Main Mode)`, as tshark lists them. Ports are
 * not told: 500 stands for them, also where the two moved to 4500.
 */
const isakmp: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    const [, exchange = '', id, role, kind] = V2.exec(words) ?? [];
    const mode = V1.exec(words)?.[1];
    if (id === undefined && mode === undefined) return null;
    const letters = `[${role === 'Initiator' ? 'I' : ''}${kind === 'Response' ? 'R' : ''}]`;
    const said =
      id === undefined
        ? `isakmp: ${NAMES_V1[mode ?? ''] ?? 'phase 1 ? ident'}`
        : `isakmp 2.0 msgid ${Number(id).toString(16).padStart(8, '0')}: ${NAMES_V2[exchange]}${letters}`;
    const inner = tcpdump.read(said, { ...line, sourcePort: PORT_IKE, destinationPort: PORT_IKE });
    if (inner === null) return null;
    const { bytes, view } = blankLayer(UDP_HEADER_LENGTH);
    view.setUint16(SOURCE_PORT, PORT_IKE);
    view.setUint16(DESTINATION_PORT, PORT_IKE);
    return { ...stacked(bytes, inner), protocol: PROTOCOL_UDP };
  },
};
export default isakmp;
