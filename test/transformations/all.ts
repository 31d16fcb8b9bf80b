import { ADDRESSES } from './addresses.js';
import { COMPANY } from './company.js';
import { FILES_AND_ORDER } from './files.js';
import { LINK_LAYERS } from './link-layer.js';
import { OTHER_PROTOCOLS } from './other-protocols.js';
import type { Transformation } from './trace.js';
import { WEAKENED } from './weakened.js';
import { WRAPPED } from './wrapped.js';

export const SAME_VERDICT: readonly Transformation[] = [
  ...ADDRESSES,
  ...LINK_LAYERS,
  ...OTHER_PROTOCOLS,
  ...WRAPPED,
  ...COMPANY,
  ...FILES_AND_ORDER,
];

export const WEAKER_VERDICT: readonly Transformation[] = WEAKENED;
