// How fast more cores could make the analysis, from the serial and the parallel seconds that were measured.

/**
 * Two bounds on the gain over one core. `apart` is Amdahl's law: serial and parallel work take turns. `together` is the
 * best there can be: the main thread correlates one chunk while workers dissect others, so that only the longer of
 * the two counts. Neither knows of memory bandwidth, of cores that slow each other down, or of waiting.
 * @param {number} serialSeconds CPU time that stays on one thread, however many there are
 * @param {number} parallelSeconds CPU time that any number of threads can share
 * @param {number} cores
 * @returns {{ apart: number, together: number }} how many times as fast as on one core
 */
export function gainOver(serialSeconds, parallelSeconds, cores) {
  const all = serialSeconds + parallelSeconds;
  return {
    apart: all / (serialSeconds + parallelSeconds / cores),
    together: all / Math.max(serialSeconds, all / cores),
  };
}
