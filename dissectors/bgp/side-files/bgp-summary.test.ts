import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import bgpSummaries from './bgp-summary.js';

describe('show ip bgp summary', () => {
  it('reads bgpd of FRR 8.4.4 (Debian 12), with a neighbour that is shut down', () => {
    expect(
      factsIn(bgpSummaries, [
        'IPv4 Unicast Summary (VRF default):',
        'BGP router identifier 192.0.2.1, local AS number 64500 vrf-id 0',
        '',
        'Neighbor        V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc',
        '192.0.2.2       4      64501         0         0        0    0    0    never       Active        0 N/A',
        '192.0.2.10      4      64503         0         0        0    0    0    never Idle (Admin)        0 N/A',
        '192.0.2.11      4      64504       122       119        0    0    0 01:53:04           14        3 N/A',
        '',
        'Total number of neighbors 3',
      ]).map(({ address, remoteAs, state, prefixes }) => [address, remoteAs, state, prefixes]),
    ).toEqual([
      ['192.0.2.2', 64_501, 'Active', null],
      ['192.0.2.10', 64_503, 'Idle (Admin)', null],
      ['192.0.2.11', 64_504, 'Established', 14],
    ]);
  });

  it('reads Quagga, which has no further columns', () => {
    expect(
      factsIn(bgpSummaries, [
        'Neighbor        V    AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd',
        '192.168.107.30  4 65534     721     719        0    0    0 01:11:45       11',
      ]),
    ).toMatchObject([{ address: '192.168.107.30', state: 'Established', prefixes: 11 }]);
  });

  it('is silent without the heading', () => {
    expect(factsIn(bgpSummaries, ['192.0.2.2 4 64501 0 0 0 0 0 never Active'])).toEqual([]);
  });
});
