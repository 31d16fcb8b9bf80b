import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import cellLogs from './cell-log.js';
import datapaths from './datapath.js';
import midonetHosts from './midonet-hosts.js';

describe('logs of a Cloud Foundry cell', () => {
  it('reads the policy agent, garden and kern.log', () => {
    expect(
      factsIn(cellLogs, [
        '{"timestamp":"1548381510.1","source":"cfnetworking.vxlan-policy-agent","message":"cfnetworking.vxlan-policy-agent.poll-cycle","log_level":2,"data":{"error":"enforce-asg: cleaning up: iptables: Bad rule (does a matching rule exist in that chain?)"}}',
        '{"source":"cfnetworking.vxlan-policy-agent","log_level":1,"data":{"message":"Container metadata is missing key policy_group_id. Check version of CloudController."}}',
        '{"source":"guardian","message":"guardian.create.external-network.failed","data":{"stderr":"cni up failed: add network list failed: exit status 1"}}',
        'Jan 25 01:58:30 cell kernel: [90690.1] DENY_C2C_53069156-e8cf-4ca5 IN=silk-vtep OUT=s-010255082067 MAC=ee:ee:0a:ff:52:00 SRC=10.255.144.63 DST=10.255.82.67 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40110 DPT=9090 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x5',
        'Jan 25 01:58:31 cell kernel: [90691.1] OK_53069156-e8cf-4ca5 IN=s-010255082067 OUT=eth0 SRC=10.255.82.67 DST=203.0.113.80 LEN=60 PROTO=TCP SPT=40111 DPT=443',
        'Jan 25 01:58:32 cell kernel: [90692.1] DENY_ASG_53069156-e8cf IN=s-010255082067 OUT=eth0 SRC=10.255.82.67 DST=203.0.113.81 LEN=60 PROTO=TCP SPT=40112 DPT=5432',
      ]).map(({ kind, scope, source, destination, port }) => [kind, scope, source, destination, port]),
    ).toEqual([
      ['rules-failed', null, null, null, null],
      ['metadata-missing', null, null, null, null],
      ['container-failed', null, null, null, null],
      ['denied', 'C2C', '10.255.144.63', '10.255.82.67', 9090],
      ['allowed', expect.anything(), '10.255.82.67', '203.0.113.80', 443],
      ['denied', 'ASG', '10.255.82.67', '203.0.113.81', 5432],
    ]);
  });

  it('is silent on what the agent logs when all is well', () => {
    const lines = [
      '{"source":"cfnetworking.vxlan-policy-agent","message":"cfnetworking.vxlan-policy-agent.poll-cycle","log_level":0,"data":{}}',
    ];
    expect(factsIn(cellLogs, lines)).toEqual([]);
  });
});

describe('mm-ctl --list-hosts and --show-dp', () => {
  it('reads hosts with their state and addresses', () => {
    expect(
      factsIn(midonetHosts, [
        'Host: id=17ef018f-de8b-431b-89f0-b5472f176769',
        ' name=compute1',
        ' isAlive=true',
        ' addresses:',
        '   /192.0.2.76',
        '   /127.0.0.1',
        ' vport-host-if-bindings:',
        'Host: id=27ef018f-de8b-431b-89f0-b5472f176769',
        ' name=compute2',
        ' isAlive=false',
      ]).map(({ name, isAlive, addresses }) => [name, isAlive, addresses]),
    ).toEqual([
      ['compute1', true, ['192.0.2.76']],
      ['compute2', false, []],
    ]);
  });

  it('reads what the datapath lost', () => {
    expect(
      factsIn(datapaths, [
        'Datapath name : midonet',
        'Datapath Stats:',
        ' Flows :1340066',
        ' Hits :1111802509',
        ' Lost :4',
        ' Misses:17302163',
      ]),
    ).toMatchObject([{ name: 'midonet', hits: 1_111_802_509, lost: 4, misses: 17_302_163, ports: [] }]);
  });
});
