import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import datapaths from './datapath.js';
import datapathFlows from './datapath-flows.js';
import tunnelZones from './tunnel-zone.js';

const readPorts = (...lines: string[]) => factsIn(datapaths, lines);
const readFlows = (...lines: string[]) => factsIn(datapathFlows, lines);
const readZones = (...lines: string[]) => factsIn(tunnelZones, lines);

describe('mm-dpctl', () => {
  it('reads ports whose counters are wrapped', () => {
    const [datapath] = readPorts(
      'Datapath name : midonet',
      'Port #1 "tngre-overlay" Gre Stats{rxPackets=508157678,',
      'txPackets=398704120, rxBytes=291245619484, txBytes=318474308439,',
      'rxErrors=0, txErrors=0, rxDropped=0, txDropped=0}',
      'Port #2 "tnvxlan-overlay" VXLan Stats{rxPackets=0, txPackets=12, rxBytes=0, txBytes=840,',
      'rxErrors=1, txErrors=0, rxDropped=0, txDropped=4}',
    );
    expect(datapath).toMatchObject({ name: 'midonet' });
    expect(datapath.ports).toMatchObject([
      {
        number: 1,
        name: 'tngre-overlay',
        type: 'Gre',
        receivedPackets: 508_157_678,
        sentPackets: 398_704_120,
      },
      { number: 2, type: 'VXLan', receivedPackets: 0, sentPackets: 12, receiveErrors: 1, sendDrops: 4 },
    ]);
  });

  it('reads the output of grep, which has no name of a datapath', () => {
    expect(readPorts('Port #1 "tngre-overlay" Gre', 'Stats{rxPackets=5, txPackets=4}')).toMatchObject([
      { name: '', ports: [{ receivedPackets: 5, sentPackets: 4 }] },
    ]);
  });

  it('reads flows, with ports that were printed as negative numbers', () => {
    const flows = readFlows(
      '1340149 flows',
      ' Flow:',
      '   match kevs:',
      '     Tunnel{tun_id=4360, ipv4_src=10.11.0.16, ipv4_dst=10.11.0.15,',
      ' tun_flag=0, ipv4_tos=0, ipv4_ttl=-3}',
      '      KeyIPv4{src=8.8.8.8, dst=10.17.3.14, proto=17, tos=0, ttl=55, frag=0}',
      '     UDP{src=53, dst=-8561}',
      '    actions:',
      '      Output{port=21}',
      ' Flow:',
      '   match keys:',
      '      KeyIPv4{src=10.17.3.14, dst=10.17.3.15, proto=6, tos=0, ttl=64, frag=0}',
      '     TCP{src=40000, dst=80}',
      '    actions:',
    );
    expect(flows).toMatchObject([
      {
        tunnel: { key: 4360, source: '10.11.0.16', destination: '10.11.0.15' },
        source: '8.8.8.8',
        destination: '10.17.3.14',
        protocol: 17,
        sourcePort: 53,
        destinationPort: 56_975,
        isDrop: false,
      },
      { tunnel: null, protocol: 6, destinationPort: 80, isDrop: true },
    ]);
  });
});

describe('midonet-cli', () => {
  it('reads the members of a zone, and that one does not live', () => {
    const zones = readZones(
      'midonet> tunnel-zone tzone0 list member',
      'zone tzone0 host host0 address 192.168.0.1',
      'zone tzone0 host host1 address 192.168.0.2',
      'midonet> list host',
      'host host0 name host-a alive true',
    );
    expect(zones).toMatchObject([
      {
        zone: 'tzone0',
        members: [
          { host: 'host0', address: '192.168.0.1', hostName: 'host-a', isAlive: true },
          { host: 'host1', address: '192.168.0.2', hostName: null, isAlive: false },
        ],
      },
    ]);
  });
});
