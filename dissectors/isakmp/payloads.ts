import { columnNames } from '../../src/observe/numbered-columns.js';
import type { ObservationTable } from '../../src/observe/table.js';
import type { ISAKMP } from './columns.js';
import * as isakmp from './layout.js';
import { packTransformV1, packTransformV2 } from './sa-proposals.js';
import { vendorBit } from './vendor-ids.js';

/*
 * Payloads that can be read in clear. A payload is read as far as it lies before `end`; what the message
 * claims beyond that is left alone, so that a cut message gives what is there.
 */

export type IsakmpTable = ObservationTable<typeof ISAKMP>;

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Next payload  |C|  Reserved   |         Payload length        |   RFC 7296, section 3.2
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const NEXT = 0;
const LENGTH = 2;
const GENERIC_HEADER_LENGTH = 4;

/** Payloads of a message that are read; a longer chain is garbage or an attack. */
const PAYLOADS_MAX = 64;

const V1_SA = 1;
const V1_KEY_EXCHANGE = 4;
const V1_IDENTIFICATION = 5;
const V1_CERTIFICATE = 6;
const V1_HASH = 8;
const V1_NONCE = 10;
const V1_NOTIFICATION = 11;
const V1_DELETE = 12;
const V1_VENDOR_ID = 13;
const V1_NAT_D = 20;
const V1_NAT_D_DRAFT = 130;
const V1_FRAGMENT = 132;

const V2_SA = 33;
const V2_KEY_EXCHANGE = 34;
const V2_CERTIFICATE = 37;
const V2_NONCE = 40;
const V2_NOTIFY = 41;
const V2_DELETE = 42;
const V2_VENDOR_ID = 43;
const V2_ENCRYPTED = 46;
const V2_ENCRYPTED_FRAGMENT = 53;

// IKEv1: DOI (4), protocol, SPI size, type (2), SPI, data. IKEv2: protocol, SPI size, type (2), SPI, data.
const V1_NOTIFY_PROTOCOL = 8;
const V2_NOTIFY_PROTOCOL = 4;
/** From the protocol on. */
const NOTIFY_SPI_SIZE = 1;
const NOTIFY_TYPE = 2;
const NOTIFY_FIXED_LENGTH = 4;

/** IKEv1 fragment (draft of Cisco, read by racoon, Windows and strongSwan): id (2), number from 1, flags. */
const V1_FRAGMENT_NUMBER = 6;
const V1_FRAGMENT_FLAGS = 7;
const V1_FRAGMENT_LENGTH = 8;
const V1_FRAGMENT_LAST = 0x01;

/** IKEv2 fragment (RFC 7383, section 2.5): number from 1 (2), total (2). */
const V2_FRAGMENT_NUMBER = 4;
const V2_FRAGMENT_TOTAL = 6;
const V2_FRAGMENT_LENGTH = 8;

/** NAT detection hashes are kept by their first eight bytes. */
const HASH_KEPT_LENGTH = 8;

const V1_SA_PROPOSALS = 12;
const V2_SA_PROPOSALS = 4;
const PROPOSAL_SPI_SIZE = 6;
const PROPOSAL_TRANSFORMS = 8;
const PROPOSAL_NUMBER = 4;
const TRANSFORM_FIXED_LENGTH = 8;

/**
 * Reads the chain of payloads in `[offset, end)`.
 * @returns false where a payload's length contradicts its header, or the chain ends inside a generic header.
 */
export function readPayloads(
  table: IsakmpTable,
  row: number,
  view: DataView,
  first: number,
  offset: number,
  end: number,
): boolean {
  const isVersion2 = table.version[row] === isakmp.VERSION_2;
  let type = first;
  let at = offset;
  for (let count = 0; type !== 0 && count < PAYLOADS_MAX; count++) {
    if (end - at < GENERIC_HEADER_LENGTH) {
      if (at === offset && !isVersion2) table.payloads[row] |= firstPayloadV1(type);
      return false;
    }
    const length = view.getUint16(at + LENGTH);
    if (length < GENERIC_HEADER_LENGTH) return false;
    const payloadEnd = Math.min(at + length, end);
    if (isVersion2) readPayloadV2(table, row, view, type, at, length, payloadEnd);
    else readPayloadV1(table, row, view, type, at, payloadEnd);
    // What follows the encrypted payload is inside it; an IKEv1 fragment holds a part of another message.
    if (isVersion2 ? type === V2_ENCRYPTED || type === V2_ENCRYPTED_FRAGMENT : type === V1_FRAGMENT)
      return true;
    type = view.getUint8(at + NEXT);
    at += length;
    if (at > end) return false;
  }
  return true;
}

/** Where a message is cut behind its header, that still names the first payload, which says the step of main mode. */
function firstPayloadV1(type: number): number {
  if (type === V1_SA) return isakmp.HAS_SA;
  return type === V1_KEY_EXCHANGE ? isakmp.HAS_KEY_EXCHANGE : 0;
}

function readPayloadV1(
  table: IsakmpTable,
  row: number,
  view: DataView,
  type: number,
  at: number,
  end: number,
): void {
  switch (type) {
    case V1_SA:
      table.payloads[row] |= isakmp.HAS_SA;
      readProposals(table, row, view, at + V1_SA_PROPOSALS, end, false);
      break;
    case V1_KEY_EXCHANGE:
      table.payloads[row] |= isakmp.HAS_KEY_EXCHANGE;
      break;
    case V1_IDENTIFICATION:
      table.payloads[row] |= isakmp.HAS_IDENTIFICATION;
      break;
    case V1_CERTIFICATE:
      table.payloads[row] |= isakmp.HAS_CERTIFICATE;
      break;
    case V1_HASH:
      table.payloads[row] |= isakmp.HAS_HASH;
      break;
    case V1_NONCE:
      table.payloads[row] |= isakmp.HAS_NONCE;
      break;
    case V1_NOTIFICATION:
      readNotify(table, row, view, at + V1_NOTIFY_PROTOCOL, end);
      break;
    case V1_DELETE:
      table.payloads[row] |= isakmp.HAS_DELETE;
      break;
    case V1_VENDOR_ID:
      readVendorId(table, row, view, at + GENERIC_HEADER_LENGTH, end);
      break;
    case V1_NAT_D:
    case V1_NAT_D_DRAFT:
      readNatD(table, row, view, at + GENERIC_HEADER_LENGTH, end);
      break;
    case V1_FRAGMENT:
      table.payloads[row] |= isakmp.HAS_FRAGMENT;
      if (end - at < V1_FRAGMENT_LENGTH) break;
      table.fragmentNumber[row] = view.getUint8(at + V1_FRAGMENT_NUMBER);
      if ((view.getUint8(at + V1_FRAGMENT_FLAGS) & V1_FRAGMENT_LAST) !== 0) {
        table.fragmentTotal[row] = view.getUint8(at + V1_FRAGMENT_NUMBER);
      }
      break;
  }
}

function readPayloadV2(
  table: IsakmpTable,
  row: number,
  view: DataView,
  type: number,
  at: number,
  length: number,
  end: number,
): void {
  switch (type) {
    case V2_SA:
      table.payloads[row] |= isakmp.HAS_SA;
      readProposals(table, row, view, at + V2_SA_PROPOSALS, end, true);
      break;
    case V2_KEY_EXCHANGE:
      table.payloads[row] |= isakmp.HAS_KEY_EXCHANGE;
      if (end - at >= GENERIC_HEADER_LENGTH + 2) {
        table.keyExchangeGroup[row] = view.getUint16(at + GENERIC_HEADER_LENGTH);
      }
      break;
    case V2_CERTIFICATE:
      table.payloads[row] |= isakmp.HAS_CERTIFICATE;
      break;
    case V2_NONCE:
      table.payloads[row] |= isakmp.HAS_NONCE;
      break;
    case V2_NOTIFY:
      readNotify(table, row, view, at + V2_NOTIFY_PROTOCOL, end);
      break;
    case V2_DELETE:
      table.payloads[row] |= isakmp.HAS_DELETE;
      break;
    case V2_VENDOR_ID:
      readVendorId(table, row, view, at + GENERIC_HEADER_LENGTH, end);
      break;
    case V2_ENCRYPTED:
      table.payloads[row] |= isakmp.HAS_ENCRYPTED;
      table.encryptedLength[row] = length;
      break;
    case V2_ENCRYPTED_FRAGMENT:
      table.payloads[row] |= isakmp.HAS_ENCRYPTED | isakmp.HAS_FRAGMENT;
      table.encryptedLength[row] = length;
      if (end - at < V2_FRAGMENT_LENGTH) break;
      table.fragmentNumber[row] = view.getUint16(at + V2_FRAGMENT_NUMBER);
      table.fragmentTotal[row] = view.getUint16(at + V2_FRAGMENT_TOTAL);
      break;
  }
}

/** A notify from its protocol field on, which is laid out alike in both versions. */
function readNotify(table: IsakmpTable, row: number, view: DataView, at: number, end: number): void {
  table.payloads[row] |= isakmp.HAS_NOTIFY;
  if (end - at < NOTIFY_FIXED_LENGTH) return;
  const type = view.getUint16(at + NOTIFY_TYPE);
  const data = at + NOTIFY_FIXED_LENGTH + view.getUint8(at + NOTIFY_SPI_SIZE);
  if (type >= isakmp.NOTIFY_STATUS_FIRST) {
    const status = statusBit(type);
    table.statuses[row] |= status;
    if (status === isakmp.STATUS_NAT_DETECTION_DESTINATION) readDestinationHash(table, row, view, data, end);
    else if (status === isakmp.STATUS_NAT_DETECTION_SOURCE) readSourceHash(table, row, view, data, end);
    return;
  }
  if (type === 0 || table.notifyType[row] !== 0) return;
  table.notifyType[row] = type;
  table.notifyProtocol[row] = view.getUint8(at);
  const wantsGroup = table.version[row] === isakmp.VERSION_2 && type === isakmp.NOTIFY_V2_INVALID_KE_PAYLOAD;
  if (wantsGroup && end - data >= 2) table.notifyGroup[row] = view.getUint16(data);
}

function statusBit(type: number): number {
  switch (type) {
    case 16_384:
    case 24_578:
      return isakmp.STATUS_INITIAL_CONTACT;
    case 16_388:
      return isakmp.STATUS_NAT_DETECTION_SOURCE;
    case 16_389:
      return isakmp.STATUS_NAT_DETECTION_DESTINATION;
    case 16_390:
      return isakmp.STATUS_COOKIE;
    case 16_406:
    case 16_408:
      // Support for REDIRECT, and the report of having been redirected: no redirection.
      return 0;
    case 16_407:
      return isakmp.STATUS_REDIRECT;
    case 16_430:
      return isakmp.STATUS_FRAGMENTATION_SUPPORTED;
    case 16_438:
      return isakmp.STATUS_INTERMEDIATE;
    case 36_136:
    case 36_137:
      return isakmp.STATUS_DEAD_PEER_DETECTION;
    default:
      return 0;
  }
}

function readVendorId(table: IsakmpTable, row: number, view: DataView, at: number, end: number): void {
  table.payloads[row] |= isakmp.HAS_VENDOR_ID;
  const bit = vendorBit(view, at, end);
  if (bit === 0) table.vendorsUnknown[row]++;
  table.vendors[row] |= bit;
}

/** The first NAT-D is over the receiver's address, the others over the sender's (RFC 3947, section 3.2). */
function readNatD(table: IsakmpTable, row: number, view: DataView, at: number, end: number): void {
  if ((table.natHashes[row] & isakmp.NAT_DESTINATION) === 0) readDestinationHash(table, row, view, at, end);
  else readSourceHash(table, row, view, at, end);
}

function readDestinationHash(table: IsakmpTable, row: number, view: DataView, at: number, end: number): void {
  if (end - at < HASH_KEPT_LENGTH) return;
  table.natHashes[row] |= isakmp.NAT_DESTINATION;
  table.natHashLength[row] = end - at;
  table.natDestinationHigh[row] = view.getInt32(at);
  table.natDestinationLow[row] = view.getInt32(at + 4);
}

function readSourceHash(table: IsakmpTable, row: number, view: DataView, at: number, end: number): void {
  if (end - at < HASH_KEPT_LENGTH) return;
  table.natHashLength[row] = end - at;
  if ((table.natHashes[row] & isakmp.NAT_SOURCE) === 0) {
    table.natHashes[row] |= isakmp.NAT_SOURCE;
    table.natSourceHigh[row] = view.getInt32(at);
    table.natSourceLow[row] = view.getInt32(at + 4);
    return;
  }
  table.natHashes[row] |= isakmp.NAT_SECOND_SOURCE;
  table.natSecondSourceHigh[row] = view.getInt32(at);
  table.natSecondSourceLow[row] = view.getInt32(at + 4);
}

function readProposals(
  table: IsakmpTable,
  row: number,
  view: DataView,
  offset: number,
  end: number,
  isVersion2: boolean,
): void {
  let at = offset;
  for (let count = 0; count < PAYLOADS_MAX && end - at >= PROPOSAL_TRANSFORMS; count++) {
    const length = view.getUint16(at + LENGTH);
    if (length < PROPOSAL_TRANSFORMS) return;
    table.proposalCount[row]++;
    const proposalEnd = Math.min(at + length, end);
    const transforms = at + PROPOSAL_TRANSFORMS + view.getUint8(at + PROPOSAL_SPI_SIZE);
    readTransforms(
      table,
      row,
      view,
      view.getUint8(at + PROPOSAL_NUMBER),
      transforms,
      proposalEnd,
      isVersion2,
    );
    if (view.getUint8(at + NEXT) === 0) return;
    at += length;
  }
}

function readTransforms(
  table: IsakmpTable,
  row: number,
  view: DataView,
  proposal: number,
  offset: number,
  end: number,
  isVersion2: boolean,
): void {
  let at = offset;
  for (let count = 0; count < PAYLOADS_MAX && end - at >= TRANSFORM_FIXED_LENGTH; count++) {
    const length = view.getUint16(at + LENGTH);
    if (length < TRANSFORM_FIXED_LENGTH) return;
    const transformEnd = Math.min(at + length, end);
    const word = isVersion2
      ? packTransformV2(view, proposal, at, transformEnd)
      : packTransformV1(view, at, transformEnd);
    keepTransform(table, row, table.transformCount[row], word);
    if (table.transformCount[row] < 255) table.transformCount[row]++;
    if (view.getUint8(at + NEXT) === 0) return;
    at += length;
  }
}

function keepTransform(table: IsakmpTable, row: number, index: number, word: number): void {
  if (index >= isakmp.TRANSFORMS_KEPT) return;
  transformColumn(table, index)[row] = word;
}

const TRANSFORM_COLUMNS = columnNames('transform', isakmp.TRANSFORMS_KEPT);

/** The column of the transform with that index, below TRANSFORMS_KEPT. */
export function transformColumn(table: IsakmpTable, index: number): Int32Array {
  return table[TRANSFORM_COLUMNS[index]];
}
