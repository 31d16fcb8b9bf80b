import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { plural } from '../../../src/wording/counts.js';
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
  [
    'policy-failed',
    {
      title: 'Policy server logs errors',
      words:
        'the policy server, or what syncs security groups to it, fails: policies are not created, or cells apply old ones',
      causes: [
        'The policy server cannot reach its database, UAA or the cloud controller: the error of the line says which',
      ],
      steps: [
        'Read the error of the line; created-policies and deleted-policies in policy-server.stdout.log say what succeeded',
        'curl -X POST -d DEBUG localhost:31821/log-level on the VM of the policy server, and try again',
      ],
    },
  ],
  [
    'component-failed',
    {
      title: 'silk logs errors',
      words: 'a component of silk on the cell fails: interfaces, leases or rules of containers may be wrong',
      causes: ['As the error of the line says'],
      steps: [
        'grep -r cfnetworking /var/vcap/sys/log/*: which component failed first?',
        'touch /var/vcap/jobs/silk-cni/config/enable_debug on the cell, and create the container again',
      ],
    },
  ],
  [
    'ssh-disabled',
    {
      title: 'ssh is switched off for the app',
      words:
        'Cloud Foundry does not allow ssh to the app or in its space, so that cf ssh fails before it reaches the cell',
      causes: ['ssh was switched off for the space or the app'],
      steps: ['cf allow-space-ssh SPACE; cf enable-ssh APP; cf restart APP'],
    },
  ],
]);

export default defineDiagnosis({
  id: 'silk.agent-failure',
  title: 'Cloud Foundry says that its network fails',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  lines: 'suffice',
  rule: 'A log of vxlan-policy-agent or garden (--log) says that container metadata lacks policy_group_id, that iptables refused a rule, that the network of a container could not be set up, or is an error of the policy server or of silk; or cf ssh-enabled says that ssh is off.',
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
        explanation: `${words[0].toUpperCase()}${words.slice(1)} (${plural(more.length + 1, 'line')}, first ${originText(first.origin)}${errorOf(first.text)}).`,
        where: 'sender',
        counts: { lines: more.length + 1 },
        causes: [...causes],
        nextSteps: [...steps],
      });
    }
  },
});

const ERROR_SHOWN_MAX = 160;

/** What the line gives as the error. */
function errorOf(text: string): string {
  const error = /"(?:error|stderr)":"((?:[^"\\]|\\.){1,400})/.exec(text)?.[1];
  return error === undefined ? '' : `: "${error.slice(0, ERROR_SHOWN_MAX)}"`;
}
