// Makes the compiled command executable.
import { chmodSync, existsSync } from 'node:fs';

const cli = new URL('../dist/src/cli.js', import.meta.url).pathname;
if (existsSync(cli)) chmodSync(cli, 0o755);
