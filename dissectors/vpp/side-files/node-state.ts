import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

/** Why VPP or its agent does not run on a node of Kubernetes, by the outputs of the cluster and by their logs. */
export interface NodeStatement {
  readonly origin: Origin;
  readonly kind: 'kubelet' | 'swap' | 'hugepages' | 'pod' | 'bgp-port' | 'uplink' | 'crash';
  readonly text: string;
}

const STATEMENTS_MAX = 10_000;
const SENTENCES: readonly (readonly [NodeStatement['kind'], RegExp])[] = [
  ['swap', /^(?!.*\bWARNING\b).*\brunning with swap on is not supported/i],
  [
    'hugepages',
    /Insufficient hugepages-\w{1,10}|not enough (?:free )?huge ?pages|Failed to allocate.{0,60}huge ?page/i,
  ],
  [
    'bgp-port',
    /\blisten tcp\S{0,4} \S{0,50}:179: bind: address already in use|failed to (?:start|listen).{0,60}bgp.{0,100}address already in use/i,
  ],
  [
    'crash',
    /\bvpp(?:_main|_wk_\d{1,3})?\b.{0,120}(?:segfault at|core dumped|received signal (?:SIGSEGV|SIGABRT|SIGBUS|SIGILL))|received signal (?:SIGSEGV|SIGABRT).{0,80}vpp|\bvpp exited unexpectedly/i,
  ],
  [
    'uplink',
    /(?:Cannot|could not|failed to) (?:find|get|configure|create) (?:the )?(?:uplink|main interface)\b|\buplink\b.{0,80}(?:link|interface) not found/i,
  ],
];
/** Sentences that other programs write as well: what the text must speak of besides. */
const OF_VPP = /calico-?vpp|calivppctl|\bvpp-?manager\b|vpp_calico/i;
/** The same pod, whatever its state. */
const POD = /^(calico-vpp-node-\S{1,20})\s+\d{1,3}\/\d{1,3}\s+(\S{1,30})/;
const POD_FAILS =
  /^(?:CrashLoopBackOff|Error|Pending|ImagePullBackOff|ErrImagePull|Init:(?:Error|CrashLoopBackOff)|CreateContainer\w{1,12}|OOMKilled)$/;
const KUBELET_UNIT = /\bkubelet\.service\b/;
const ACTIVE = /^Active: active\b/;
const INACTIVE = /^Active: (?:inactive|failed|activating \(auto-restart\))\b/;

/** Outputs of kubectl and systemctl about a node with VPP, and the logs of kubelet, VPP and its agent. */
export default defineSideFileReader<NodeStatement>({
  kind: 'Calico/VPP node',
  text: {
    words: {
      logs: ['a log of VPP, its agent or kubelet'],
      outputOf: ['kubectl describe pod', 'kubectl get pods', 'service kubelet status', 'calivppctl log'],
    },
    read: readStatements,
  },
  commands: ['journalctl kubelet', 'kubectl calico-vpp-dataplane', 'show log', 'gdb vpp'],
  usedBy: ['vpp.node-failure'],
});

/** Empty where nothing is said of a node. Of a unit and of a pod the last state counts: a start takes its time. */
function readStatements({ file, lines }: TextFile): NodeStatement[] {
  const found: NodeStatement[] = [];
  const states = new Map<string, NodeStatement | null>();
  const isOfVpp = lines.some(({ text }) => OF_VPP.test(text));
  let isKubelet = false;
  for (const { text, number } of lines) {
    if (found.length + states.size >= STATEMENTS_MAX) break;
    const origin = { file, place: `line ${number}` };
    const said = withoutPrompt(text).trim();
    if (/\.service\b/.test(text)) isKubelet = KUBELET_UNIT.test(text);
    if (isKubelet && ACTIVE.test(said)) states.set('kubelet', null);
    else if (isKubelet && INACTIVE.test(said)) states.set('kubelet', { origin, kind: 'kubelet', text: said });
    const [, pod, state] = POD.exec(said) ?? [];
    if (pod !== undefined)
      states.set(pod, POD_FAILS.test(state) ? { origin, kind: 'pod', text: said } : null);
    const kind = SENTENCES.find(([, pattern]) => pattern.test(said))?.[0];
    if (kind === undefined) continue;
    if ((kind === 'uplink' || kind === 'bgp-port') && !isOfVpp) continue;
    found.push({ origin, kind, text: said });
  }
  return [...found, ...[...states.values()].filter((one) => one !== null)];
}
