/** What a datagram is, for the protocols whose contents depend on it. */
export interface Datagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** As they were, and as they are now. */
  readonly source: { readonly old: Uint8Array; readonly fresh: Uint8Array };
  readonly destination: { readonly old: Uint8Array; readonly fresh: Uint8Array };
}
