import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { isWithin } from '../../../src/side-files/networks.js';
import { originText } from '../../../src/side-files/origin.js';
import { overlayNetworks } from '../overlay-networks.js';
import boshInstances, { type BoshInstance, shortName } from '../side-files/bosh-instances.js';

const CELL = /^(?:isolated-)?diego-cell|^cell\b/;
const WELL = ['running', 'starting', 'stopping', '-'];
const STUCK = [
  'bosh update-resurrection off',
  'bosh ignore INSTANCE',
  'bosh delete-vm MACHINE',
  'Then roll back or correct the configuration and deploy; afterwards bosh update-resurrection on, bosh unignore INSTANCE',
];

export default defineDiagnosis({
  id: 'silk.cell-unresponsive',
  title: 'Cell does not answer its director',
  severity: 'warning',
  subject: 'host',
  layer: 'underlay',
  priority: 2,
  lines: 'suffice',
  rule: 'The output of bosh vms, or of a deployment (--log), says that a cell is unresponsive, failing or stopped, or that its agent timed out. An overlay network that is known (--config, or ip addr of silk-vtep) and holds the address of the cell is named as the cause.',
  notWhen: 'The instance is another one than a cell of Diego, or is listed as running, starting or stopping.',
  causes: [
    'The overlay network is that of the underlay: silk-controller gives the cell a network that holds the addresses of the director and of all others, and its routes lead into the tunnel',
    'The machine or its agent is down, or cannot reach NATS of the director',
  ],
  nextSteps: [
    'Compare network of silk-controller in the manifest with the subnets of the deployment (bosh vms, cloud config): they must not overlap',
    ...STUCK,
  ],
  refutedBy: 'A later bosh vms in which it runs.',
  source: 'Cloud Foundry guide, diagnosing and recovering from subnet overlap',
  fault: 'unreachable',
  technology: 'vxlan',
  *diagnose(evidence): Generator<Judgement> {
    const instances = evidence.side.of(boshInstances).filter(({ name }) => CELL.test(name));
    for (const name of new Set(instances.map((one) => one.name))) {
      const last = instances.filter((one) => one.name === name && one.state !== 'timed out').at(-1);
      const said = last ?? instances.find((one) => one.name === name);
      if (said !== undefined) yield judge(evidence, said);
    }
  },
});

function judge(evidence: Evidence, { name, state, address, machine, origin }: BoshInstance): Judgement {
  const subject = { kind: 'host', instance: name, ...(address === null ? {} : { endpoints: [address] }) };
  if (WELL.includes(state)) return { result: 'healthy', subject };
  const network =
    address === null ? undefined : overlayNetworks(evidence).find((one) => isWithin(address, one));
  return statedProblem(evidence, {
    subject,
    confidence: 'medium',
    title: network === undefined ? 'Cell does not answer its director' : 'Cell lies in the overlay network',
    explanation:
      `${shortName(name) ?? name}${address === null ? '' : ` (${address})`} ${state === 'timed out' ? 'did not answer the director' : `is ${state === 'unresponsive agent' ? 'unresponsive' : state}`} (${originText(origin)}).` +
      (network === undefined
        ? ' A cell that fails right after a change of the overlay: compare its network with the subnets of the hosts.'
        : ` Its address lies in the overlay network ${network}: traffic to the underlay is routed into the tunnel.`),
    where: 'receiver',
    counts: { cells: 1 },
    nextSteps: [
      'Compare network of silk-controller in the manifest with the subnets of the deployment (bosh vms, cloud config): they must not overlap',
      ...STUCK.map((step) => step.replaceAll('INSTANCE', name).replaceAll('MACHINE', machine ?? 'VM_CID')),
    ],
    ...(address === null ? {} : { displayFilter: `ip.addr == ${address}` }),
  });
}
