import { execFile } from 'node:child_process';
import type { CaptureCommand } from './capture-command.js';

const ANSWER_MS = 10_000;

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that answers and ends; -1 where it could not be started or did not end in time. */
export function runToEnd({ program, args }: CaptureCommand): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: ANSWER_MS }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
  });
}
