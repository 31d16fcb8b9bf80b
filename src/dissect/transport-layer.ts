import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../observe/table.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import {
  DESTINATION_PORT,
  SOURCE_PORT,
  TCP_DATA_OFFSET,
  TCP_HEADER_LENGTH_MIN,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
} from '../wire/transport.js';
import { type DispatchTable, NOBODY } from './dispatch-table.js';
import type { Dissect } from './dissector.js';
import { CLAIM_PORT, type FrameContext } from './frame-context.js';
import type { PieceRecorder } from './piece-recorder.js';

/** UDP and TCP headers, down to the dissector that owns the port or recognises the payload. */
export class TransportLayer {
  constructor(
    private readonly dispatch: DispatchTable,
    private readonly leaves: readonly Dissect[],
    private readonly pieces: PieceRecorder,
    private readonly protocolIndex: number,
  ) {}

  dissectUdp(frame: FrameContext, offset: number, end: number): void {
    if (end - offset < UDP_HEADER_LENGTH) {
      frame.sourcePort = 0;
      frame.destinationPort = 0;
      frame.enterConversation();
      return frame.observeUnreadable(this.protocolIndex);
    }
    const view = frame.view;
    const sourcePort = view.getUint16(offset + SOURCE_PORT);
    const destinationPort = view.getUint16(offset + DESTINATION_PORT);
    frame.sourcePort = sourcePort;
    frame.destinationPort = destinationPort;
    const owner = this.dispatch.udpPort[destinationPort];
    const isEntropy = owner !== NOBODY && this.dispatch.entropySourcePort[owner] === 1;
    frame.enterConversation(isEntropy ? destinationPort : sourcePort);
    const length = view.getUint16(offset + UDP_LENGTH);
    let payloadEnd = end;
    // In a first fragment the length is that of the whole datagram; 0 is a jumbogram or offload.
    if (frame.origin !== ORIGIN_FIRST_FRAGMENT && length !== 0) {
      if (length < UDP_HEADER_LENGTH || length > frame.payloadLength) {
        return frame.observeUnreadable(this.protocolIndex);
      }
      payloadEnd = Math.min(end, offset + length);
      frame.payloadLength = length - UDP_HEADER_LENGTH;
    } else {
      frame.payloadLength -= UDP_HEADER_LENGTH;
    }
    this.dissectDatagram(frame, offset + UDP_HEADER_LENGTH, payloadEnd);
  }

  /** The payload of a UDP datagram whose ports stand in the context. */
  dissectDatagram(frame: FrameContext, offset: number, end: number): void {
    let leaf = this.dispatch.udpPort[frame.destinationPort];
    if (leaf === NOBODY) leaf = this.dispatch.udpPort[frame.sourcePort];
    if (leaf !== NOBODY) {
      this.leaves[leaf](frame, offset, end);
      return;
    }
    const heuristics = this.dispatch.udpHeuristics;
    for (let index = 0; index < heuristics.length; index++) {
      const strength = heuristics[index].recognise(frame, offset, end);
      if (strength === CLAIM_PORT) continue;
      frame.claim = strength;
      this.leaves[heuristics[index].index](frame, offset, end);
      frame.claim = CLAIM_PORT;
      return;
    }
    const unclaimed = this.dispatch.udpUnclaimed;
    if (unclaimed !== NOBODY && frame.origin === ORIGIN_WHOLE) this.leaves[unclaimed](frame, offset, end);
  }

  /** As `dissectDatagram`, for a datagram put together: only a dissector that `assembles` reads it. */
  dissectAssembledDatagram(frame: FrameContext, offset: number, end: number): void {
    const { assembles, udpPort, udpHeuristics } = this.dispatch;
    let leaf = udpPort[frame.destinationPort];
    if (leaf === NOBODY) leaf = udpPort[frame.sourcePort];
    if (leaf !== NOBODY) {
      if (assembles[leaf] === 1) this.leaves[leaf](frame, offset, end);
      return;
    }
    for (const { recognise, index } of udpHeuristics) {
      const strength = recognise(frame, offset, end);
      if (strength === CLAIM_PORT) continue;
      frame.claim = strength;
      if (assembles[index] === 1) this.leaves[index](frame, offset, end);
      frame.claim = CLAIM_PORT;
      return;
    }
  }

  dissectTcp(frame: FrameContext, offset: number, end: number): void {
    const view = frame.view;
    const hasPorts = end - offset >= 4;
    frame.sourcePort = hasPorts ? view.getUint16(offset + SOURCE_PORT) : 0;
    frame.destinationPort = hasPorts ? view.getUint16(offset + DESTINATION_PORT) : 0;
    frame.enterConversation();
    if (end - offset < TCP_HEADER_LENGTH_MIN) return frame.observeUnreadable(this.protocolIndex);
    const headerLength = (view.getUint8(offset + TCP_DATA_OFFSET) >> 4) * 4;
    if (headerLength < TCP_HEADER_LENGTH_MIN) return frame.observeUnreadable(this.protocolIndex);
    const leaf = this.dispatch.ipProtocol[PROTOCOL_TCP];
    if (leaf !== NOBODY) this.leaves[leaf](frame, offset, end);
    let stream = this.dispatch.tcpPort[frame.destinationPort];
    if (stream === NOBODY) stream = this.dispatch.tcpPort[frame.sourcePort];
    if (stream !== NOBODY) this.pieces.recordSegment(frame, stream, offset, headerLength, end);
  }
}
