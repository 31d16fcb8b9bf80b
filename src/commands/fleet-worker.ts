import { jobSchema } from '../fleet/job.js';
import { outcomeOf } from '../fleet/job-pool.js';
import { performJob } from './fleet-jobs.js';

/** Does the jobs that the parent process sends, one at a time, until it lets go. @returns the exit code. */
export function runFleetWorker(): Promise<number> {
  return new Promise((resolve) => {
    process.on('message', (message: unknown) => {
      void outcomeOf(performJob, jobSchema.parse(message)).then((outcome) => {
        process.send?.({ outcome });
      });
    });
    process.once('disconnect', () => resolve(0));
  });
}
