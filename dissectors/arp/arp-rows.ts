import type { Batch } from '../../src/correlate/correlator.js';
import type { arp } from './dissector.js';

export type Rows = Batch<typeof arp.observes>;
