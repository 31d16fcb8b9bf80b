import { type ChildProcess, fork } from 'node:child_process';
import type { Job, PerformJob } from './job.js';

/** What became of a job: null, or why it failed. */
export type Outcome = string | null;

/** Performs jobs, several at once. */
export interface JobRunner {
  /** By job: what became of it. `onDone` is called after each. */
  run(jobs: readonly Job[], onDone: (index: number) => void): Promise<Outcome[]>;
  close(): void;
}

/** One after the other in this process. */
export class JobsHere implements JobRunner {
  constructor(private readonly perform: PerformJob) {}

  async run(jobs: readonly Job[], onDone: (index: number) => void): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const [index, job] of jobs.entries()) {
      outcomes.push(await outcomeOf(this.perform, job));
      onDone(index);
    }
    return outcomes;
  }

  close(): void {}
}

/** What a process answers to a job. */
export async function outcomeOf(perform: PerformJob, job: Job): Promise<Outcome> {
  try {
    await perform(job);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A job that ends its process is tried once more. */
const ATTEMPTS = 2;

/**
 * Jobs in processes of their own, so many at once: memory that one takes is given back with it, and one that dies takes
 * nothing along but its own job.
 */
export class JobProcesses implements JobRunner {
  private readonly idle: ChildProcess[] = [];
  private readonly all = new Set<ChildProcess>();

  /** @param program what is started, with these words */
  constructor(
    private readonly program: string,
    private readonly words: readonly string[],
    private readonly width: number,
  ) {}

  async run(jobs: readonly Job[], onDone: (index: number) => void): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(jobs.length).fill(null);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < jobs.length) {
        const index = next++;
        outcomes[index] = await this.attempt(jobs[index]);
        onDone(index);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.width, jobs.length) }, lane));
    return outcomes;
  }

  close(): void {
    for (const child of this.all) child.disconnect();
    this.all.clear();
    this.idle.length = 0;
  }

  private async attempt(job: Job): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      const child = this.idle.pop() ?? this.start();
      const answer = await askChild(child, job);
      if (answer.isAlive) {
        this.idle.push(child);
        return answer.outcome;
      }
      this.all.delete(child);
      if (attempt >= ATTEMPTS) return answer.outcome;
    }
  }

  private start(): ChildProcess {
    const child = fork(this.program, [...this.words], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.all.add(child);
    return child;
  }
}

function askChild(child: ChildProcess, job: Job): Promise<{ isAlive: boolean; outcome: Outcome }> {
  return new Promise((resolve) => {
    const settle = (isAlive: boolean, outcome: Outcome): void => {
      child.removeListener('message', onMessage);
      child.removeListener('exit', onExit);
      child.removeListener('error', onError);
      resolve({ isAlive, outcome });
    };
    const onMessage = (message: { readonly outcome: Outcome }): void => settle(true, message.outcome);
    const onExit = (code: number | null, signal: string | null): void =>
      settle(false, `the process of the job ended (${signal ?? `exit code ${code}`})`);
    const onError = (error: Error): void => settle(false, error.message);
    child.once('message', onMessage);
    child.once('exit', onExit);
    child.once('error', onError);
    child.send(job);
  });
}
