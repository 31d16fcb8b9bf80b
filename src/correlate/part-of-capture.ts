/** A packet as far as a rule knows it that asks whether it would have been seen. Absent: unknown. */
export interface SoughtPacket {
  readonly from?: string;
  readonly to?: string;
  /** One of its ends, whichever. */
  readonly host?: string;
  /** IP protocol number. */
  readonly protocol?: number;
  /** One of its two ports. */
  readonly port?: number;
  /** True for a later fragment of a datagram. */
  readonly isLaterFragment?: boolean;
  /** Tunnels around it. */
  readonly tunnels: readonly { readonly low: string; readonly high: string }[];
}

/** The operator asked to look at a part of the capture: what is absent from it may be in the rest. */
export interface PartOfCapture {
  /** As the operator said it. */
  readonly words: string;
  /** True where packets that answer each other may be told apart: by direction, SPI, VNI … */
  readonly mayPartDirections: boolean;
  /** False only where all such packets belong to the part. */
  mayLeaveOut(packet: SoughtPacket): boolean;
}
