import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { plural } from '../../../src/wording/counts.js';
import nodeState, { type NodeStatement } from '../side-files/node-state.js';

interface Failure {
  readonly title: string;
  readonly conclusion: string;
  readonly steps: readonly string[];
}

const FAILURES: Readonly<Record<NodeStatement['kind'], Failure>> = {
  kubelet: {
    title: 'kubelet does not run',
    conclusion: 'without kubelet no pod runs on the node, VPP neither',
    steps: ['journalctl -u kubelet -r -n200 says why', 'service kubelet restart'],
  },
  swap: {
    title: 'kubelet stops because of swap',
    conclusion: 'Kubernetes does not run with swap enabled',
    steps: ['swapoff -a, and take swap out of /etc/fstab; then service kubelet restart'],
  },
  hugepages: {
    title: 'Not enough hugepages for VPP',
    conclusion: 'the pod is not scheduled, or VPP cannot allocate its buffers',
    steps: [
      'sysctl -w vm.nr_hugepages=512 (and in /etc/sysctl.d), then service kubelet restart: kubelet counts them at its start',
      'kubectl describe node NODE: hugepages-2Mi under Allocatable',
    ],
  },
  pod: {
    title: 'Pod of VPP does not run',
    conclusion: 'the data plane of the node is down, and its pods reach nobody',
    steps: [
      'kubectl -n calico-vpp-dataplane describe pod/calico-vpp-node-XXXXX: events and the last state say why',
      'calivppctl log -vpp NODE; calivppctl log -agent NODE',
    ],
  },
  'bgp-port': {
    title: 'BGP of the agent cannot listen',
    conclusion: 'TCP 179 is taken by another program, so that routes of other nodes are not learned',
    steps: [
      'ss -ltnp sport = :179 on the node: who has it (bird of another Calico, FRR)? Stop it, and restart the pod',
    ],
  },
  uplink: {
    title: 'VPP does not find its uplink',
    conclusion:
      'the interface of the configuration does not exist, or could not be taken over: the node is cut off',
    steps: [
      'ip link on the node, and CALICOVPP_INTERFACE (or the interface of CALICOVPP_INTERFACES) in the config map: the same name?',
      'calivppctl log -vpp NODE shows the whole start',
    ],
  },
  crash: {
    title: 'VPP crashed',
    conclusion:
      'all traffic of the node stops until it has started again; neighbours see BFD and BGP sessions expire',
    steps: [
      'Set CALICOVPP_CORE_PATTERN (for example /home/hostuser/vppcore.%e.%p) to have a core dump, and note the hash of the image',
      'docker run -it --entrypoint=bash -v CORE:/root/vppcore calicovpp/vpp:VERSION; gdb vpp ./vppcore; report the backtrace',
    ],
  },
};

export default defineDiagnosis({
  id: 'vpp.node-failure',
  title: 'VPP does not run on the node',
  severity: 'warning',
  subject: 'host',
  layer: 'underlay',
  priority: 1,
  lines: 'suffice',
  rule: 'An output or log (--log) says it: kubelet is not active or stops because of swap, hugepages are missing, a calico-vpp-node pod does not run, BGP cannot listen on port 179, VPP does not find its interface, or it crashed.',
  notWhen:
    'A later line shows the same pod or unit running. A mere warning about swap. The network of a single pod that is taken down.',
  causes: Object.values(FAILURES).map(({ title, conclusion }) => `${title}: ${conclusion}`),
  nextSteps: Object.values(FAILURES).map(({ steps }) => steps[0]),
  refutedBy: 'A later output in which the pods run.',
  source:
    'Calico/VPP guide (Kubernetes cluster; starting the daemon set; having VPP up and running; crashes and coredumps)',
  fault: 'unreachable',
  *diagnose(evidence): Generator<Judgement> {
    const statements = evidence.side.of(nodeState);
    for (const [kind, { title, conclusion, steps }] of Object.entries(FAILURES)) {
      const [first, ...more] = statements.filter((one) => one.kind === kind);
      if (first === undefined) continue;
      yield statedProblem(evidence, {
        subject: { kind: 'host', file: first.origin.file, reason: kind },
        title,
        explanation: `"${first.text.slice(0, 160)}" (${plural(more.length + 1, 'line')}, first ${originText(first.origin)}): ${conclusion}.`,
        where: 'sender',
        counts: { lines: more.length + 1 },
        causes: [conclusion],
        nextSteps: [...steps],
      });
    }
  },
});
