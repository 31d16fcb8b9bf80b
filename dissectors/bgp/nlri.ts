import type { FrameContext } from '../../src/dissect/frame-context.js';
import * as bgp from './layout.js';
import { type BgpTable, clearRow } from './rows.js';

/** Prefixes of a message of 4,096 bytes are fewer; longer messages are counted up to here. */
const PREFIXES_MAX = 16_384;
const PATH_IDENTIFIER_LENGTH = 4;
/** Routes of one UPDATE that get rows of their own; a message with more is judged by its first ones. */
export const ROUTES_KEPT = 64;

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** The rows of one UPDATE's routes; bound once, reused for every message. */
export class RouteRows {
  private kept = 0;

  constructor(
    private readonly table: BgpTable,
    private readonly text: readonly Int32Array[],
  ) {}

  begin(): void {
    this.kept = 0;
  }

  /** A row for each prefix in `[offset, end)`; number of them, 0 where they do not fill it. */
  observe(frame: FrameContext, offset: number, end: number, family: number, isWithdrawn: boolean): number {
    const view = frame.view;
    const bitsMax = family === bgp.AFI_IPV6 ? IPV6_BITS : IPV4_BITS;
    const plain = walkPrefixes(view, offset, end, 0, bitsMax);
    const before = plain >= 0 ? 0 : PATH_IDENTIFIER_LENGTH;
    const count = plain >= 0 ? plain : walkPrefixes(view, offset, end, before, bitsMax);
    let at = offset;
    for (let done = 0; done < count && this.kept < ROUTES_KEPT; done++) {
      const identifier = before === 0 ? 0 : view.getUint32(at);
      at += before;
      const bits = view.getUint8(at);
      this.append(frame, at + 1, bits, identifier, family, isWithdrawn);
      at += 1 + ((bits + 7) >> 3);
    }
    return Math.max(0, count);
  }

  private append(
    frame: FrameContext,
    offset: number,
    bits: number,
    identifier: number,
    family: number,
    isWithdrawn: boolean,
  ): void {
    const { table, text } = this;
    this.kept++;
    const row = table.rows.append(frame);
    clearRow(table, text, row);
    table.type[row] = bgp.ROW_ROUTE;
    table.length[row] = bits;
    table.identifier[row] = identifier;
    table.multiprotocol[row] = family;
    table.withdrawn[row] = isWithdrawn ? 1 : 0;
    table.announced[row] = isWithdrawn ? 0 : 1;
    const bytes = (bits + 7) >> 3;
    for (let index = 0; index < bytes; index++) {
      text[index >> 2][row] |= frame.view.getUint8(offset + index) << (24 - (index & 3) * 8);
    }
  }
}

/** Prefixes in `[offset, end)`, each behind `before` bytes (RFC 4271, section 4.3; RFC 7911), or -1 where they do not fill it. */
function walkPrefixes(view: DataView, offset: number, end: number, before: number, bitsMax: number): number {
  let at = offset;
  let count = 0;
  let defaults = 0;
  while (at < end && count < PREFIXES_MAX) {
    at += before;
    if (at >= end) return -1;
    const bits = view.getUint8(at);
    if (bits > bitsMax) return -1;
    // Nobody names the default route twice: these are the zeros of path identifiers.
    if (bits === 0 && ++defaults > 1 && before === 0) return -1;
    at += 1 + ((bits + 7) >> 3);
    count++;
  }
  return at === end ? count : -1;
}
