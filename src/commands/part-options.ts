import { type TimeWord, timeWordOf } from '../select/time-words.js';
import { single } from './option-values.js';
import { UsageError } from './usage-error.js';

/** Which part of the input is looked at. Absent: all of it. */
export interface PartRequest {
  /** In the words of pcap-filter, of any layer. */
  readonly filter?: string;
  readonly from?: TimeWord;
  readonly to?: TimeWord;
  /** Id of a tunnel of the report. */
  readonly tunnel?: string;
}

const TEXT = { type: 'string', requiresArg: true } as const;

export const TIME_OPTIONS = {
  from: {
    ...TEXT,
    description: 'look at frames from then on: a time, +30s after the first, -5m before the last',
  },
  to: { ...TEXT, description: 'look at frames until then' },
} as const;

export const PART_OPTIONS = {
  filter: {
    ...TEXT,
    description:
      'look at frames of which any layer meets this: host, net, port, vni, spi, gre key, isd-as, and, or, not',
  },
  ...TIME_OPTIONS,
  tunnel: { ...TEXT, description: 'look at this tunnel of the report (vxlan-2)' },
} as const;

/** @throws UsageError in one line */
export function partRequest(argv: Readonly<Record<string, unknown>>): PartRequest | undefined {
  const filter = single(argv, 'filter');
  const from = timeWord(argv, 'from');
  const to = timeWord(argv, 'to');
  const tunnel = single(argv, 'tunnel');
  if (filter?.trim() === '') throw new UsageError('--filter is empty');
  const request: PartRequest = {
    ...(filter === undefined ? {} : { filter }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
  return Object.keys(request).length === 0 ? undefined : request;
}

function timeWord(argv: Readonly<Record<string, unknown>>, name: string): TimeWord | undefined {
  const text = single(argv, name);
  if (text === undefined) return undefined;
  const word = timeWordOf(text);
  if (word === null)
    throw new UsageError(`--${name} needs a time such as 2026-11-30T10:15:00Z, +30s or -5m, not '${text}'`);
  return word;
}
