// Puts the report of a bundled capture between the markers of the README: npm run readme
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url).pathname;
const report = execFileSync(
  'node',
  ['dist/src/cli.js', 'analyze', 'captures/esp-one-way.pcap', '--fail-on', 'never'],
  {
    cwd: root,
    encoding: 'utf8',
  },
);
const readme = readFileSync(`${root}README.md`, 'utf8');
const start = '<!-- SAMPLE-START -->';
const end = '<!-- SAMPLE-END -->';
const sample = `${start}\n\`\`\`\n$ capan analyze captures/esp-one-way.pcap\n${report.trimEnd()}\n\`\`\`\n`;
writeFileSync(
  `${root}README.md`,
  readme.slice(0, readme.indexOf(start)) + sample + readme.slice(readme.indexOf(end)),
);
