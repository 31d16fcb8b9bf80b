import { describe, expect, it } from 'vitest';
import { judgedBeside } from '../../../test/build/side-knowledge.js';
import accessDenied from '../diagnoses/access-denied.js';
import moduleMissing from '../diagnoses/module-missing.js';
import accessDenials from './access-denials.js';
import kernelModules from './kernel-modules.js';

const modules = (...lines: string[]) => judgedBeside(moduleMissing, kernelModules, lines);

describe('lsmod and modinfo', () => {
  it('accuse a module that was looked for and is not there', async () => {
    expect(await modules('# lsmod | grep openvswitch')).toMatchObject([{ result: 'problem' }]);
    expect(await modules('# lsmod | grep openvswitch', 'openvswitch 70743 0')).toMatchObject([
      { result: 'healthy' },
    ]);
    expect(await modules('modinfo: ERROR: Module openvswitch not found.')).toMatchObject([
      { result: 'problem' },
    ]);
  });

  it('accuse a module of another kernel', async () => {
    const file = 'filename: /lib/modules/3.13.0-48-generic/kernel/net/openvswitch/openvswitch.ko';
    expect(await modules(file, 'vermagic: 3.13.0-45-generic SMP')).toMatchObject([{ result: 'problem' }]);
    expect(await modules(file, 'vermagic: 3.13.0-48-generic SMP')).toMatchObject([{ result: 'healthy' }]);
  });

  it('say nothing of a module that may be built in, nor of a list of another host', async () => {
    expect(await modules('# lsmod', 'Module                  Size  Used by', 'xfs 1200000 1')).toEqual([]);
    expect(await modules('# lsmod | grep vxlan')).toEqual([]);
  });
});

describe('denials of SELinux and AppArmor', () => {
  const avc = (comm: string, permissive: number): string =>
    `type=AVC msg=audit(1612345678.123:456): avc:  denied  { name_bind } for  pid=2531 comm="${comm}" src=4500 permissive=${permissive}`;
  it('concern daemons of tunnels that were really stopped', async () => {
    expect(await judgedBeside(accessDenied, accessDenials, [avc('pluto', 0)])).toMatchObject([
      { result: 'problem', explanation: expect.stringContaining('SELinux denied pluto name_bind of 4500') },
    ]);
    expect(await judgedBeside(accessDenied, accessDenials, [avc('pluto', 1), avc('rsyslogd', 0)])).toEqual(
      [],
    );
  });
});
