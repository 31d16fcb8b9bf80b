import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Batch } from '../../src/correlate/correlator.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import { refOfFrame } from '../../src/correlate/frame-reference.js';
import type { FrameRef } from '../../src/moment.js';
import { ORIGIN_ASSEMBLED, ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import type { ISAKMP } from './columns.js';
import { TRANSFORMS_KEPT, VERSION_2 } from './layout.js';
import { transformColumn } from './payloads.js';
import { proposalText } from './sa-proposals.js';
import type { IkePeer, NatCheck } from './session.js';
import { checkNatHashes, type NatHashes } from './shared/nat-detection.js';

/** A row of the table with its flow, as the correlator works with it. */
export interface MessageFacts {
  readonly initiatorSpi: string;
  readonly responderSpi: string | null;
  readonly version: 1 | 2;
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
  readonly length: number;
  /** Equal for equal bytes, as far as they were read. */
  readonly digest: string;
  readonly payloads: number;
  readonly encryptedLength: number;
  readonly fragmentNumber: number;
  readonly fragmentTotal: number;
  readonly notifyType: number;
  readonly wantedGroup: number;
  readonly statuses: number;
  readonly vendors: number;
  readonly vendorsUnknown: number;
  readonly keyExchangeGroup: number;
  readonly timeToLive: number;
  readonly proposal: IkePeer['proposal'];
  readonly nat: Pick<NatCheck, 'source' | 'destination' | 'isForced'> | null;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly stack: number;
  readonly ref: FrameRef;
  readonly isFirstFragment: boolean;
  readonly isAssembled: boolean;
  readonly isOutbound: boolean;
  readonly isInbound: boolean;
}

/** Null where the flow did not fit into the chunk's dictionary: without addresses a message belongs to nobody. */
export function readFacts(
  batch: Batch<typeof ISAKMP>,
  row: number,
  flows: FlowRegistry,
): MessageFacts | null {
  const { columns } = batch;
  const flow = batch.flowOf(row);
  if (flow < 0) return null;
  const direction = columns.rows.direction[row];
  const { from, to } = flows.addresses(flow, direction);
  const ports = flows.ports(flow, direction);
  const frameIndex = columns.rows.frame[row];
  const marks = batch.marks[frameIndex];
  const initiatorSpi = hex64(columns.initiatorHigh[row], columns.initiatorLow[row]);
  const responderSpi = hex64(columns.responderHigh[row], columns.responderLow[row]);
  return {
    initiatorSpi,
    responderSpi: /^0+$/.test(responderSpi) ? null : responderSpi,
    version: columns.version[row] === VERSION_2 ? 2 : 1,
    exchangeType: columns.exchangeType[row],
    flags: columns.flags[row],
    messageId: columns.messageId[row],
    length: columns.messageLength[row],
    digest: `${columns.readLength[row]}:${columns.digestHigh[row]}:${columns.digestLow[row]}`,
    payloads: columns.payloads[row],
    encryptedLength: columns.encryptedLength[row],
    fragmentNumber: columns.fragmentNumber[row],
    fragmentTotal: columns.fragmentTotal[row],
    notifyType: columns.notifyType[row],
    wantedGroup: columns.notifyGroup[row],
    statuses: columns.statuses[row],
    vendors: columns.vendors[row],
    vendorsUnknown: columns.vendorsUnknown[row],
    keyExchangeGroup: columns.keyExchangeGroup[row],
    timeToLive: columns.timeToLive[row],
    proposal: readProposal(columns, row),
    nat: checkNatHashes(hashesOf(columns, row), initiatorSpi + responderSpi, {
      source: { words: flows.addressWords(flow, direction), port: ports.from },
      destination: { words: flows.addressWords(flow, 1 - direction), port: ports.to },
    }),
    from,
    fromPort: ports.from,
    to,
    toPort: ports.to,
    stack: flows.stack(flow),
    ref: refOfFrame(batch, frameIndex),
    isFirstFragment: columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT,
    isAssembled: columns.rows.origin[row] === ORIGIN_ASSEMBLED,
    isOutbound: (marks & MARK_OUTBOUND) !== 0,
    isInbound: (marks & MARK_INBOUND) !== 0,
  };
}

function hashesOf(columns: Batch<typeof ISAKMP>['columns'], row: number): NatHashes {
  return {
    present: columns.natHashes[row],
    length: columns.natHashLength[row],
    destination: hex64(columns.natDestinationHigh[row], columns.natDestinationLow[row]),
    source: hex64(columns.natSourceHigh[row], columns.natSourceLow[row]),
    secondSource: hex64(columns.natSecondSourceHigh[row], columns.natSecondSourceLow[row]),
  };
}

function readProposal(columns: Batch<typeof ISAKMP>['columns'], row: number): IkePeer['proposal'] {
  const transforms = columns.transformCount[row];
  if (transforms === 0) return null;
  const words = Array.from(
    { length: Math.min(transforms, TRANSFORMS_KEPT) },
    (_, index) => transformColumn(columns, index)[row],
  );
  return {
    text: proposalText(columns.version[row], words, transforms),
    proposals: columns.proposalCount[row],
    transforms,
  };
}

function hex64(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}
