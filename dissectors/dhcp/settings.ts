import type { SettingsReader } from '../../src/diagnose/settings.js';
import { dhcpLinks } from './correlator.js';

const settings: SettingsReader = {
  protocol: 'DHCP',
  *describe({ sessions }) {
    for (const { announced } of sessions(dhcpLinks))
      for (const { server, stack, mtu, addresses } of announced)
        for (const client of addresses)
          yield { hosts: [server, client], stack, name: 'MTU', value: `${mtu} bytes` };
  },
};

export default settings;
