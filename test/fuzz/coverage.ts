import { Session } from 'node:inspector/promises';

/** Blocks of this project's own modules that were run, by V8's precise coverage. */
export class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  async start(): Promise<void> {
    this.session.connect();
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /** @returns how many blocks ran since the last call that had never run before. */
  async added(): Promise<number> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    const before = this.seen.size;
    for (const { url, functions } of result) {
      if (!/\/(src|dissectors)\//.test(url) || url.includes('node_modules')) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) this.seen.add(`${url}:${startOffset}:${endOffset}`);
        }
      }
    }
    return this.seen.size - before;
  }
}
