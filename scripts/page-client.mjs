// What draws the report as a page: one script and one style, which every page holds. `node scripts/page-client.mjs FILE`
// writes both as JSON, for tests that load the program from its sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

const root = new URL('..', import.meta.url).pathname;
const STYLES = ['node_modules/uplot/dist/uPlot.min.css', 'src/page/page.css'];

/** @returns {{ script: string, style: string }} */
export async function pageClient() {
  const built = await rolldown({
    input: `${root}src/page/main.tsx`,
    platform: 'browser',
    logLevel: 'warn',
  });
  const { output } = await built.generate({ format: 'iife', minify: true, codeSplitting: false });
  return {
    // Inside an element of a page nothing may look like its end.
    script: output[0].code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--'),
    style: STYLES.map((file) => readFileSync(`${root}${file}`, 'utf8').replace(/\n\s*/g, '\n')).join('\n'),
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  writeFileSync(process.argv[2], JSON.stringify(await pageClient()));
}
