import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import cellLogs, { type CellEvent } from '../side-files/cell-log.js';

interface Reason {
  readonly title: string;
  readonly words: string;
  readonly causes: readonly string[];
  readonly steps: readonly string[];
}

const REASONS: ReadonlyMap<CellEvent['kind'], Reason> = new Map([
  [
    'metadata-missing',
    {
      title: 'Container metadata lacks policy_group_id',
      words:
        'a container has no policy_group_id, so that no network policy applies to it and its packets carry no tag',
      causes: ['The app was pushed before CAPI 1.0.0 (cf-release 240) and has not been restaged since'],
      steps: ['cf restage MYAPP', 'Which container: the entry of store.json without policy_group_id'],
    },
  ],
  [
    'rules-failed',
    {
      title: 'Policy agent cannot apply its rules',
      words:
        'iptables refuses a rule of the policy agent; the rules of the container are not applied, and creating containers fails',
      causes: [
        'With dynamic security groups, a rule for ICMP of any type and code (-1) cannot be cleaned up by the agent',
      ],
      steps: [
        'Find the rule: cf security-groups, then cf security-group NAME; write ICMP rules with a type and a code',
        'Restart vxlan-policy-agent on the cell: monit restart vxlan-policy-agent; then cf restart APP',
      ],
    },
  ],
  [
    'container-failed',
    {
      title: 'Setting up the network of a container failed',
      words: 'the CNI plug-in failed for a container, so that it was not created',
      causes: ['silk-cni or the cni-wrapper-plugin failed: the stderr field of the line says why'],
      steps: [
        'Look at the first failed create, not at the destroys after it: they fail too',
        'grep cfnetworking /var/vcap/sys/log/silk-cni/*',
      ],
    },
  ],
]);

export default defineDiagnosis({
  id: 'silk.agent-failure',
  title: 'Cloud Foundry cell logs a failure of its network',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  rule: 'A log of vxlan-policy-agent or garden (--log) says that container metadata lacks policy_group_id, that iptables refused a rule, or that the network of a container could not be set up.',
  notWhen: 'No such line is in the log.',
  causes: [...REASONS.values()].flatMap(({ causes }) => causes),
  nextSteps: [...REASONS.values()].map(({ steps }) => steps[0]),
  refutedBy: 'The log goes on without such lines.',
  source:
    'Cloud Foundry guide, known issues (ICMP any rule; one-time app restage) and "Container creation is failing"',
  fault: 'policy',
  technology: 'vxlan',
  *diagnose(evidence): Generator<Judgement> {
    const events = evidence.side.of(cellLogs);
    for (const [kind, { title, words, causes, steps }] of REASONS) {
      const [first, ...more] = events.filter((event) => event.kind === kind);
      if (first === undefined) continue;
      yield statedProblem(evidence, {
        subject: { kind: 'host', file: first.origin.file, reason: kind },
        title,
        explanation: `${words[0].toUpperCase()}${words.slice(1)} (${more.length + 1} lines, first ${originText(first.origin)}).`,
        where: 'sender',
        counts: { lines: more.length + 1 },
        causes: [...causes],
        nextSteps: [...steps],
      });
    }
  },
});
