import type { SettingsReader } from '../../src/diagnose/settings.js';
import { tcpServices } from './correlator.js';

const settings: SettingsReader = {
  protocol: 'TCP',
  *describe({ sessions }) {
    for (const { client, server, port, stack, fromClient, fromServer } of sessions(tcpServices)) {
      for (const [host, { mssMin, mssMax }] of [
        [client, fromClient],
        [server, fromServer],
      ] as const) {
        if (mssMin === 0) continue;
        const value = mssMin === mssMax ? `${mssMin} bytes` : `${mssMin} to ${mssMax} bytes`;
        yield { hosts: [client, server], stack, name: `MSS of ${host}, port ${port} of ${server}`, value };
      }
    }
  },
};

export default settings;
