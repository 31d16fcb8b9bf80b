// Counts the instructions of an analysis, which other work on the machine does not change; see README.md.
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

/** @param {string} report of valgrind's lackey @returns {number | undefined} undefined where it counted nothing */
export function instructionsOf(report) {
  const count = /guest instrs:\s+([\d,]+)/.exec(report)?.[1];
  return count === undefined ? undefined : Number(count.replaceAll(',', ''));
}

function countInstructions(program, capture) {
  const tool = ['--tool=lackey', '--basic-counts=yes', process.execPath];
  // One thread, and V8's own ones with it: how threads take turns would change what is compiled when.
  const options = ['--single-threaded', program, 'analyze', capture, '--threads', '0'];
  const quietly = ['--fail-on', 'never', '-o', '/dev/null'];
  const { error, stderr } = spawnSync('valgrind', [...tool, ...options, ...quietly], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`valgrind cannot be started: ${error.message}`);
  const instructions = instructionsOf(stderr);
  if (instructions === undefined) throw new Error(`valgrind counted nothing:\n${stderr.slice(-2_000)}`);
  return instructions;
}

function main([program, ...captures]) {
  if (program === undefined || captures.length === 0) {
    console.error('usage: instructions.mjs dist/src/cli.js CAPTURE…');
    process.exitCode = 2;
    return;
  }
  for (const capture of captures) {
    const millions = (countInstructions(program, capture) / 1e6).toFixed(1);
    console.log(`${capture}: ${millions} million instructions`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2));
