import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCommandLine } from './command-line.js';
import { findConfiguration } from './find-configuration.js';

let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'capan-configuration-'));
  mkdirSync(join(root, 'home/.config/capan'), { recursive: true });
  mkdirSync(join(root, 'work/deep/deeper'), { recursive: true });
  writeFileSync(join(root, 'home/.config/capan/config.json'), '{}');
});

afterAll(() => rmSync(root, { recursive: true }));

describe('the configuration that nobody named', () => {
  it('is the nearest one, else that of the user', () => {
    const environment = { HOME: join(root, 'home') };
    const deep = join(root, 'work/deep/deeper');
    expect(findConfiguration(deep, environment)).toBe(join(root, 'home/.config/capan/config.json'));
    expect(findConfiguration(deep, { XDG_CONFIG_HOME: join(root, 'home/.config') })).toBe(
      join(root, 'home/.config/capan/config.json'),
    );
    expect(findConfiguration(deep, {})).toBeNull();
    writeFileSync(join(root, 'work/capan.config.json'), '{}');
    expect(findConfiguration(deep, environment)).toBe(join(root, 'work/capan.config.json'));
    writeFileSync(join(root, 'work/deep/.capanrc.json'), '{}');
    expect(findConfiguration(deep, environment)).toBe(join(root, 'work/deep/.capanrc.json'));
    mkdirSync(join(deep, 'capan.config.json'));
    expect(findConfiguration(deep, environment)).toBe(join(root, 'work/deep/.capanrc.json'));
  });

  it('is not looked for where the command line says so', async () => {
    const read = await readCommandLine(['analyze', 'a.pcap', '--no-config'], '1');
    expect(read).toMatchObject({ options: { ignoresConfiguration: true } });
    expect(read).not.toHaveProperty('options.sideFiles');
    const other = await readCommandLine(['analyze', 'a.pcap'], '1');
    expect(other).not.toHaveProperty('options.ignoresConfiguration');
  });
});
