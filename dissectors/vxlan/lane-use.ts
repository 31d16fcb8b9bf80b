import type { Batch } from '../../src/correlate/correlator.js';
import type { OpenRef } from '../../src/correlate/open-ref.js';
import type { PortUse } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { formatMac } from '../../src/wire/address.js';
import { hasSilkForm } from '../eth/shared/silk-mac.js';
import type { VXLAN_ROWS } from './rows.js';
import type { MacPair, PolicyUse, ReservedUse } from './session.js';

type Rows = Batch<typeof VXLAN_ROWS>;

const MAC_GROUP = 0x0100;
const POLICY_MASK = 0xffff;

export type OpenReservedUse = ReservedUse & { readonly last: OpenRef };
export type OpenMacPair = MacPair & { readonly last: OpenRef };

/** The counters of the direction of a tunnel that a lane is counted in; null where there are too many. */
interface DirectionCounters {
  policy(policyId: number): PolicyUse | null;
  port(destinationPort: number, at: FrameRef): PortUse | null;
  reserve(header: number, trailer: number, at: FrameRef): OpenReservedUse;
}

/** Those of the tunnel itself. */
interface TunnelCounters {
  macPair(source: string, destination: string, outerDirection: number, at: FrameRef): OpenMacPair | null;
}

/** What all packets of a lane of one direction have in common, and the counters of the tunnel that they belong to. */
export class LaneUse {
  readonly isTagged: boolean;
  /** Group policy id, or -1. */
  readonly policyId: number;
  readonly isFragmented: boolean;
  /** To a group address. */
  readonly isFlooded: boolean;
  readonly portUse: PortUse | null;
  readonly policyUse: PolicyUse | null;
  readonly reservedUse: OpenReservedUse | null;
  readonly macPair: OpenMacPair | null;
  /** Where the address has silk's form, else null. */
  readonly silkSource: string | null = null;
  readonly silkDestination: string | null = null;
  private readonly identity: readonly number[];

  constructor(sent: DirectionCounters, tunnel: TunnelCounters, batch: Rows, row: number, at: FrameRef) {
    const { columns } = batch;
    this.identity = identityOf(batch, row);
    const header = columns.header[row];
    this.isTagged = header < 0;
    this.policyId = header < 0 ? header & POLICY_MASK : -1;
    this.policyUse = header < 0 ? sent.policy(this.policyId) : null;
    this.portUse = sent.port(columns.destinationPort[row], at);
    const isPlain = columns.stray[row] === 0 && columns.trailer[row] === 0;
    this.reservedUse = isPlain ? null : sent.reserve(columns.stray[row], columns.trailer[row], at);
    this.isFragmented = columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT;
    this.isFlooded = (columns.destinationMacHigh[row] & MAC_GROUP) !== 0;
    if (columns.innerType[row] === 0) {
      this.macPair = null;
      return;
    }
    const source = formatMac(columns.sourceMacHigh[row], columns.sourceMacLow[row]);
    const destination = formatMac(columns.destinationMacHigh[row], columns.destinationMacLow[row]);
    this.macPair = tunnel.macPair(source, destination, columns.outerDirection[row], at);
    if (hasSilkForm(columns.sourceMacHigh[row], columns.sourceMacLow[row])) this.silkSource = source;
    if (hasSilkForm(columns.destinationMacHigh[row], columns.destinationMacLow[row])) {
      this.silkDestination = destination;
    }
  }

  /** False where two lanes have one hash. */
  fits({ columns }: Rows, row: number): boolean {
    const { identity } = this;
    return (
      identity[0] === columns.header[row] &&
      identity[1] === columns.stray[row] &&
      identity[2] === columns.trailer[row] &&
      identity[3] === columns.destinationPort[row] &&
      identity[4] === columns.rows.origin[row] &&
      identity[5] === columns.sourceMacHigh[row] &&
      identity[6] === columns.sourceMacLow[row] &&
      identity[7] === columns.destinationMacHigh[row] &&
      identity[8] === columns.destinationMacLow[row] &&
      identity[9] === (columns.innerType[row] === 0 ? 0 : 1)
    );
  }
}

/** In the order in which `fits` compares. */
function identityOf({ columns }: Rows, row: number): number[] {
  return [
    columns.header[row],
    columns.stray[row],
    columns.trailer[row],
    columns.destinationPort[row],
    columns.rows.origin[row],
    columns.sourceMacHigh[row],
    columns.sourceMacLow[row],
    columns.destinationMacHigh[row],
    columns.destinationMacLow[row],
    columns.innerType[row] === 0 ? 0 : 1,
  ];
}
