import type { Pause, TransportSide as Side } from './session.js';

export type { Pause } from './session.js';

/** A side while its segments come in; where it is stands in the flow. */
export type TransportSide = Omit<Side, 'address' | 'port' | 'pauses'> & { readonly pauses: Pause[] };

export type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

export function newSide(): Mutable<TransportSide> {
  return {
    syn: null,
    synAck: null,
    rst: null,
    fin: null,
    dataSegments: 0,
    firstData: null,
    lastData: null,
    repeats: 0,
    lastRepeat: null,
    lastSegment: null,
    lastMissed: null,
    pauses: [],
  };
}
