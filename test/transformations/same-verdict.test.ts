import { SAME_VERDICT } from './all.js';
import { judgeSamples } from './judge-samples.js';
import { KNOWN_VIOLATIONS } from './known-violations.js';

/*
 * A verdict is a property of the traffic, not of its dress: other addresses, other link layers, tunnels around it, company,
 * a second incident beside it, other files. The same findings, after names are mapped back.
 */
judgeSamples(SAME_VERDICT, KNOWN_VIOLATIONS);
