import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Judgement, thresholdsOf } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import interfaces, { type VppInterface } from '../side-files/interfaces.js';
import pods, { type VppPod } from '../side-files/pods.js';

const ID = 'vpp.interface-loss';
const PACKETS_MIN = 10;
const SHARE_PERCENT = 1;
const RECEIVE_FAULT = /^(?:drops|rx[- ](?:miss|missed|no-buf|no bufs|no mbufs?|error|errors|discarded))$/;
const SEND_FAULT = /^(?:tx[- ](?:error|errors|drops|no-free)|tx errors|tx drops)$/;
/** Always there, and down. */
const UNUSED = 'local0';

export default defineDiagnosis({
  id: ID,
  title: 'VPP interface is down or loses packets',
  severity: 'warning',
  subject: 'session',
  layer: 'underlay',
  priority: 2,
  rule:
    'Tables of VPP are given (--log): show int has an interface other than local0 that is down, or show hardware-interfaces one without link; or at least 10 packets, and 1 % of those in the same direction, were dropped, missed or ended as errors there. ' +
    'Of several tables the growth counts, else all since VPP started (with less confidence).',
  notWhen:
    'Between two tables the counters stand still. The interface that is down has no packets and no pod.',
  causes: [
    'The pod of a tun interface does not take its packets, or the rings of the uplink are too short for what arrives (rx-miss)',
    'VPP drops what comes in by that interface: a trace says at which node and why',
    'The link of the uplink is down, or the interface was not set up after a restart of VPP',
  ],
  nextSteps: [
    'vppctl clear interfaces; make the traffic that fails; vppctl show int and show hardware-interfaces: which counter grows?',
    'vppctl clear trace; vppctl trace add INPUT-NODE 500 (virtio-input for pods); vppctl show trace max 500: where do packets end?',
    'Which pod is behind a tun: vppctl show ip fib ADDRESS; vppctl show tun tunN',
  ],
  refutedBy: 'A later table in which the drops do not grow and the interface is up.',
  source: 'Calico VPP troubleshooting guide (show int, show hardware-interfaces, show tun)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'single drops are normal', 'adjustable'],
    share: [
      SHARE_PERCENT,
      '%',
      'drops of an interface count what is not meant for VPP as well',
      'adjustable',
    ],
  },
  fault: 'path-loss',
  *diagnose(evidence): Generator<Judgement> {
    const limits = thresholdsOf(evidence, ID, { packets: PACKETS_MIN, share: SHARE_PERCENT });
    const known = evidence.side.of(pods);
    for (const outputs of byInterface(evidence.side.of(interfaces))) {
      const last = outputs[outputs.length - 1];
      const subject = { kind: 'session', protocol: 'vpp', interface: last.name, table: last.table };
      const down = downWords(last, known);
      const { isDifference, faults } = grown(outputs);
      const notable = faults.filter(
        ({ count, of }) => count >= limits.packets && 100 * count >= limits.share * of,
      );
      if (down === null && notable.length === 0) {
        yield { result: 'healthy', subject };
        continue;
      }
      const words = notable.map(({ name, count, of }) => `${count} ${name} of ${of} packets`).join(', ');
      const span = isDifference ? 'between the tables' : 'since VPP started';
      yield statedProblem(evidence, {
        subject,
        severity: down !== null || isDifference ? 'warning' : 'info',
        confidence: down !== null || isDifference ? 'high' : 'low',
        explanation: `${last.name}${podWords(known, last.name)} (${originText(last.origin)}) ${[down, words === '' ? null : `counts ${words} ${span}`].filter((one) => one !== null).join(', and ')}.`,
        where: 'unknown',
        counts: { lost: notable.reduce((sum, { count }) => sum + count, 0) },
      });
    }
  },
});

function byInterface(all: readonly VppInterface[]): VppInterface[][] {
  const found = new Map<string, VppInterface[]>();
  for (const one of all) {
    const key = `${one.table} ${one.name}`;
    addTo(found, key, one);
  }
  return [...found.values()];
}

/** Null where it is up, or nobody uses it. */
function downWords({ name, isUp, table, counters }: VppInterface, known: readonly VppPod[]): string | null {
  if (isUp || name === UNUSED) return null;
  const isUsed =
    [...counters.values()].some((count) => count > 0) || known.some((one) => one.interface === name);
  if (!isUsed) return null;
  return table === 'interface' ? 'is down' : 'has no link';
}

function grown(outputs: readonly VppInterface[]): {
  readonly isDifference: boolean;
  readonly faults: readonly { readonly name: string; readonly count: number; readonly of: number }[];
} {
  const last = outputs[outputs.length - 1].counters;
  const first = outputs[0].counters;
  const packets = (counters: ReadonlyMap<string, number>, way: string): number =>
    counters.get(`${way} packets`) ?? counters.get(`${way} frames ok`) ?? 0;
  const isDifference =
    outputs.length > 1 &&
    packets(first, 'rx') <= packets(last, 'rx') &&
    packets(first, 'tx') <= packets(last, 'tx');
  const since = (now: number, before: number): number => (isDifference ? Math.max(0, now - before) : now);
  const faults = [...last].flatMap(([name, count]) => {
    const way = RECEIVE_FAULT.test(name) ? 'rx' : SEND_FAULT.test(name) ? 'tx' : null;
    if (way === null) return [];
    const by = since(count, first.get(name) ?? 0);
    const all = since(packets(last, way), packets(first, way));
    // What was dropped behind the input was counted as received; what was missed was not.
    return [{ name, count: by, of: name === 'drops' ? Math.max(by, all) : all + by }];
  });
  return { isDifference, faults };
}

function podWords(known: readonly VppPod[], name: string): string {
  const own = known.filter((one) => one.interface === name);
  const words = [...new Set(own.flatMap(({ address, device }) => address ?? device ?? []))];
  return words.length === 0 ? '' : `, the interface of ${words.join(', ')}`;
}
