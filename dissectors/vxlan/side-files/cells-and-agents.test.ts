import { describe, expect, it } from 'vitest';
import { factsIn, judgedBeside } from '../../../test/build/side-knowledge.js';
import agentLog from '../diagnoses/agent-errors.js';
import agentFailure from '../diagnoses/agent-failure.js';
import cellUnresponsive from '../diagnoses/cell-unresponsive.js';
import namespaceMismatch from '../diagnoses/namespace-mismatch.js';
import boshInstances from './bosh-instances.js';
import cellLogs from './cell-log.js';
import midolmanLog from './midolman-log.js';
import namespaces from './namespaces.js';

const CELL = 'diego-cell/4abb639b-33a9-4d8d-8a95-21c3863c7b0c';

describe('bosh vms and deployments', () => {
  it('name cells that do not answer', async () => {
    const row = (state: string): string => `${CELL}   ${state}  z1  10.0.16.14   vm-323a3988  r3.xlarge`;
    expect(await judgedBeside(cellUnresponsive, boshInstances, [row('unresponsive agent')])).toMatchObject([
      { result: 'problem', nextSteps: expect.arrayContaining(['bosh delete-vm vm-323a3988']) },
    ]);
    expect(await judgedBeside(cellUnresponsive, boshInstances, [row('running')])).toMatchObject([
      { result: 'healthy' },
    ]);
    expect(boshInstances.names?.nameOf('10.0.16.14', factsIn(boshInstances, [row('running')]))).toBe(
      'diego-cell/4abb639b',
    );
  });

  it('take the cell of a time-out from the line before', async () => {
    expect(
      await judgedBeside(cellUnresponsive, boshInstances, [
        `17:31:56 | Updating instance diego-cell: ${CELL} (0) (canary) (00:03:25)`,
        "    L Error: Timed out sending 'get_state' to baa8bc66-df64-4c2f-80d0-c090559ac28d after 45 seconds",
      ]),
    ).toMatchObject([
      { result: 'problem', explanation: expect.stringContaining('did not answer the director') },
    ]);
  });
});

describe('namespaces of a container', () => {
  const process = (pid: number, inode: number): string =>
    `lrwxrwxrwx 1 vcap vcap 0 Jan 25 01:58 /proc/${pid}/ns/net -> net:[${inode}]`;
  it('are the same for all its processes', async () => {
    const judge = (...lines: string[]) => judgedBeside(namespaceMismatch, namespaces, lines);
    expect(await judge(process(7, 4026533012), process(8, 4026533012))).toMatchObject([
      { result: 'healthy' },
    ]);
    expect(await judge(process(7, 4026533012), process(8, 4026531992))).toMatchObject([
      { result: 'problem' },
    ]);
    expect(await judge(process(1, 4026531992), process(8, 4026533012))).toMatchObject([
      { result: 'insufficient-data' },
    ]);
  });
});

describe('logs of agents', () => {
  it('of Cloud Foundry: errors of the policy server, and ssh that is off', async () => {
    const line = (level: number): string =>
      `{"source":"cfnetworking.policy-server","message":"cfnetworking.policy-server.create","log_level":${level},"data":{"error":"no route"}}`;
    expect(await judgedBeside(agentFailure, cellLogs, [line(2)])).toMatchObject([
      { title: 'Policy server logs errors', explanation: expect.stringContaining('"no route"') },
    ]);
    expect(await judgedBeside(agentFailure, cellLogs, [line(1)])).toEqual([]);
    expect(await judgedBeside(agentFailure, cellLogs, ["ssh support is disabled for 'myapp'"])).toMatchObject(
      [{ title: 'ssh is switched off for the app' }],
    );
  });

  it('are none where a page cites them in a sentence', async () => {
    const sentence =
      'This results in a vxlan policy agent error `iptables: Bad rule` or `exit status 1: iptables:';
    expect(await judgedBeside(agentFailure, cellLogs, [sentence])).toEqual([]);
    expect(
      await judgedBeside(agentFailure, cellLogs, ['error: exit status 1: iptables: Bad rule']),
    ).toHaveLength(1);
  });

  it('of MidoNet: databases that are lost, and not every warning', async () => {
    const line = (level: string, text: string): string =>
      `2015.06.29 08:34:12.345 ${level} [nsdb] org.midonet.cluster - ${text}`;
    const judge = (...lines: string[]) => judgedBeside(agentLog, midolmanLog, lines);
    expect(await judge(line('WARN ', 'ZooKeeper connection lost'))).toMatchObject([
      { title: 'MidoNet agent loses its databases' },
    ]);
    expect(await judge(line('ERROR', 'port not found'))).toMatchObject([
      { title: 'MidoNet agent logs errors' },
    ]);
    expect(await judge(line('WARN ', 'slow simulation'))).toEqual([]);
    expect(await judge('2015.06.29 08:34:12.345 ERROR [main] some.other.Program - boom')).toEqual([]);
  });
});
