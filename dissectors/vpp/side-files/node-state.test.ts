import { describe, expect, it } from 'vitest';
import { judgedBeside } from '../../../test/build/side-knowledge.js';
import nodeFailure from '../diagnoses/node-failure.js';
import nodeState from './node-state.js';

const titles = async (...lines: string[]) =>
  (await judgedBeside(nodeFailure, nodeState, lines)).map((one) =>
    one.result === 'problem' ? one.title : one.result,
  );

describe('a node with VPP', () => {
  it.each([
    ['calico-vpp-node-7xk2p   1/2     CrashLoopBackOff   7          18m', 'Pod of VPP does not run'],
    ['0/3 nodes are available: 3 Insufficient hugepages-2Mi.', 'Not enough hugepages for VPP'],
    ['vpp_main[17675]: segfault at 0 ip 00007f2a sp 00007ffd error 4 in libvnet.so', 'VPP crashed'],
    ['running with swap on is not supported, please disable swap!', 'kubelet stops because of swap'],
  ])('%s', async (line, title) => expect(await titles(line)).toEqual([title]));

  it('takes the state of kubelet from its own unit', async () => {
    expect(await titles('● kubelet.service - kubelet', '     Active: inactive (dead)')).toEqual([
      'kubelet does not run',
    ]);
    expect(await titles('● kubelet.service - kubelet', '     Active: active (running)')).toEqual([]);
    expect(await titles('● apt-daily.service - apt', '     Active: inactive (dead)')).toEqual([]);
  });

  it('leaves pods that run, and ports that other programs miss', async () => {
    expect(await titles('calico-vpp-node-7xk2p   2/2     Running   0          18m')).toEqual([]);
    expect(await titles('listen tcp4 0.0.0.0:179: bind: address already in use')).toEqual([]);
  });
});
