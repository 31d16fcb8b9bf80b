import { setFlagsFromString } from 'node:v8';

/*
 * Judging runs through half the program once. V8 optimises whatever has run for a few milliseconds, on threads of its own,
 * and is seldom done before that code is left for good: on 400 MB of mixed tunnels that was more than half of all its
 * compiling, a sixth of the CPU time of the whole analysis.
 */

/** How much longer than otherwise code runs before it is optimised: what is truly hot, with many flows, still is. */
const PATIENCE = 16;

/** What V8 counts down until it optimises a function, and its own value, by the releases of V8 that know it. */
const BUDGET =
  Number.parseInt(process.versions.v8, 10) < 12
    ? { flag: '--interrupt-budget', value: 66 * 1024 }
    : { flag: '--invocation-count-for-turbofan', value: 3000 };

/** Makes V8 wait longer before it optimises. */
export function beginPatience(): void {
  setFlagsFromString(`${BUDGET.flag}=${BUDGET.value * PATIENCE}`);
}

/** Back to V8's own value: it takes no code cache that was written under another. */
export function endPatience(): void {
  setFlagsFromString(`${BUDGET.flag}=${BUDGET.value}`);
}
