import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import namespaces, { type NamespaceFact } from '../side-files/namespaces.js';

/** A container has its app, diego-sshd, envoy and their parent; more are a listing of the whole cell. */
const PROCESSES_MAX = 5;

export default defineDiagnosis({
  id: 'silk.namespace-mismatch',
  title: 'Container and its interface are in different namespaces',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 3,
  lines: 'suffice',
  rule: 'Outputs of one cell (--log): ls -l /proc/PID/ns/net of the processes of a container show different inodes (information, as it does not say whose processes they are); or the NETNSID that lsns has for their inode is not the link-netnsid of the s-… interface that is given beside it, where that is only one.',
  notWhen:
    'One process alone is given, and neither lsns nor an interface; interfaces of several containers are listed.',
  causes: [
    'A process of the container was started in another network namespace (that of the cell, or of a container that is gone)',
    'silk-cni put the interface into the namespace of another container: a failed create was not cleaned up',
  ],
  nextSteps: [
    'ps -awxfu: are the processes children of the same gdn (diego-sshd, envoy, the app)?',
    'lsns -l -t net: which process holds each namespace? Restart the app instance: cf restart-app-instance APP INDEX',
    'grep cfnetworking /var/vcap/sys/log/silk-cni/*: an error when the container was created',
  ],
  refutedBy:
    'Outputs of one moment in which all agree: a container that was restarted in between has another namespace.',
  source: 'Cloud Foundry guide, debugging host-side and container-side networking (namespace inode, NETNSID)',
  thresholds: { processes: [PROCESSES_MAX, 'processes', 'more are a listing of the whole cell'] },
  fault: 'addressing',
  technology: 'vxlan',
  *diagnose(evidence): Generator<Judgement> {
    const facts = evidence.side.of(namespaces);
    for (const file of new Set(facts.map(({ origin }) => origin.file))) {
      yield judge(
        evidence,
        file,
        facts.filter(({ origin }) => origin.file === file),
      );
    }
  },
});

function judge(evidence: Evidence, file: string, facts: readonly NamespaceFact[]): Judgement {
  const subject = { kind: 'host', file };
  const processes = facts.filter(({ kind }) => kind === 'process');
  const inodes = new Set(processes.map(({ inode }) => inode));
  if (inodes.size > 1 && processes.length > PROCESSES_MAX)
    return insufficientData(
      subject,
      `${processes.length} processes are listed, and the listing does not say whose they are: give those of one container alone (the app, diego-sshd, envoy).`,
    );
  if (inodes.size > 1) {
    const words = processes.map(({ name, inode }) => `${name} in net:[${inode ?? ''}]`).join(', ');
    return statedProblem(evidence, {
      subject,
      // The listing does not say whose processes they are.
      severity: 'info',
      confidence: 'low',
      explanation: `The processes are not in one network namespace (${originText(processes[0].origin)}): ${words}. If they are of one container, that is the fault: its processes share one.`,
      where: 'sender',
      counts: { processes: processes.length, namespaces: inodes.size },
    });
  }
  const interfaces = facts.filter(({ kind }) => kind === 'interface');
  const listed = facts.filter(({ kind, inode }) => kind === 'namespace' && inodes.has(inode));
  if (interfaces.length !== 1 || listed.length === 0) {
    if (processes.length > 1) return { result: 'healthy', subject };
    return insufficientData(
      subject,
      'To compare, give in one file: ls -l /proc/PID/ns/net of the processes of the container, lsns -l -t net, and ip addr show of its s-… interface.',
    );
  }
  const [{ name, id }] = interfaces;
  if (listed.some((one) => one.id === id)) return { result: 'healthy', subject };
  return statedProblem(evidence, {
    subject,
    explanation: `${name} leads to the namespace ${id ?? ''} (link-netnsid, ${originText(interfaces[0].origin)}), and the processes are in net:[${[...inodes][0] ?? ''}], which has the NETNSID ${listed[0].id ?? 'unassigned'} (${originText(listed[0].origin)}): the packets of the container do not pass this interface.`,
    where: 'sender',
    counts: { processes: processes.length, namespaces: 2 },
  });
}
