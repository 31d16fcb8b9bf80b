import { WEAKER_VERDICT } from './all.js';
import { judgeSamples } from './judge-samples.js';
import { KNOWN_VIOLATIONS } from './known-violations.js';

/*
 * A capture that shows less gives the same finding, a weaker one, or says what is missing: never another root cause, and
 * never silence without a word.
 */
judgeSamples(WEAKER_VERDICT, KNOWN_VIOLATIONS);
