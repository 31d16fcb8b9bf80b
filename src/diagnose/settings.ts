import type { Evidence } from './diagnosis.js';

/** How one end is set up, or what both agreed on, as its packets show it; never a count, a time or a random number. */
export interface Setting {
  readonly hosts: readonly [string, string];
  /** Tunnel stack of the hosts; 0: in no tunnel. */
  readonly stack: number;
  /** `hold time of 10.0.0.1`: the same words in every capture of this set-up. */
  readonly name: string;
  /** In words, with its unit. */
  readonly value: string;
}

/** What `capan diff` compares of a protocol, beside its tunnels. */
export interface SettingsReader {
  /** `BGP` */
  readonly protocol: string;
  describe(evidence: Pick<Evidence, 'sessions' | 'quality'>): Iterable<Setting>;
}
