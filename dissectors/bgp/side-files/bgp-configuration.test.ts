import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import bgpConfigurations from './bgp-configuration.js';

const read = (...lines: string[]) => factsIn(bgpConfigurations, lines);

describe('configuration of a BGP daemon', () => {
  it('reads neighbours and keeps no password', () => {
    const speakers = read(
      'router bgp 65535',
      'bgp router-id 192.168.107.29',
      'network 42.159.202.0/24',
      'neighbor 192.168.107.30 remote-as 65534',
      'neighbor 192.168.107.30 timers 5 15',
      'neighbor 192.168.107.30 timers connect 10',
      ' neighbor 2001:DB8::2 remote-as 1.10',
      ' neighbor 2001:DB8::2 password s3cret',
      ' neighbor PEERS peer-group',
      '!',
    );
    expect(speakers).toMatchObject([
      {
        as: 65_535,
        routerId: '192.168.107.29',
        neighbours: [
          {
            address: '192.168.107.30',
            remoteAs: 65_534,
            keepaliveSeconds: 5,
            holdSeconds: 15,
            connectSeconds: 10,
            hasPassword: false,
          },
          { address: '2001:db8::2', remoteAs: 65_546, hasPassword: true },
        ],
      },
    ]);
    expect(JSON.stringify(speakers)).not.toContain('s3cret');
  });
});
