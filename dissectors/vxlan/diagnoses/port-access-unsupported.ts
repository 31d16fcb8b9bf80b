import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { tcpServices } from '../../tcp/correlator.js';
import type { TcpService } from '../../tcp/session.js';
import { vxlanTunnels } from '../correlator.js';
import containerStores from '../side-files/container-store.js';
import { GATEWAY, isLeaseBase, silkFacts } from '../silk.js';
import { citations } from '../tunnel-subject.js';

/** Cells map ports above this one to containers. */
const CELL_PORT_MIN = 61_001;

export default defineDiagnosis({
  id: 'silk.port-access-unsupported',
  title: "Access via the cell's NAT port",
  severity: 'info',
  subject: 'flow',
  layer: 'names-and-transport',
  priority: 3,
  rule:
    'A container connects to a port above 61000 of a cell, the ports that cells translate to containers, and is refused or not answered. ' +
    'Containers are the hosts inside silk tunnels, those that follow silk conventions in ARP, and those of store.json (--store); cells are the endpoints of the tunnels.',
  notWhen: 'The connection comes about. The capture shows neither a cell nor a container.',
  causes: ['The app addresses another app by its cell, which silk does not translate for containers'],
  nextSteps: [
    'Address the other app by its internal route or its overlay address, and allow it: cf add-network-policy SOURCE DESTINATION',
  ],
  refutedBy: 'A connection from a container to that port that is accepted.',
  source: 'Cloud Foundry guide, behaviour changes from existing application security groups',
  thresholds: { port: [CELL_PORT_MIN, 'port', 'the first that cells translate'] },
  fault: 'remark',
  *diagnose(evidence) {
    const cells = new Set(
      evidence
        .sessions(vxlanTunnels)
        .filter(({ outerStack, isMirror }) => outerStack === 0 && !isMirror)
        .flatMap(({ low, high }) => [low, high]),
    );
    const containers = containersOf(evidence);
    if (cells.size === 0 || containers.size === 0) return;
    for (const service of evidence.sessions(tcpServices)) {
      const { server, client, port } = service;
      if (cells.has(server) && containers.has(client) && port >= CELL_PORT_MIN) yield judge(service);
    }
  },
});

function containersOf(evidence: Evidence): ReadonlySet<string> {
  const known = evidence.side.of(containerStores).map(({ address }) => address);
  const { pairs, isInUse } = silkFacts(evidence);
  const seen = isInUse ? pairs.filter(({ isConforming }) => isConforming).map(({ address }) => address) : [];
  return new Set([...known, ...seen].filter((address) => address !== GATEWAY && !isLeaseBase(address)));
}

function judge({ client, server, port, refused, unanswered, established, first }: TcpService): Judgement {
  const subject = { kind: 'flow', endpoints: [client, server], port };
  const failed = refused.count > 0 ? refused : unanswered;
  if (failed.count === 0 || established.count > 0) return { result: 'healthy', subject };
  const from = failed.first ?? first;
  const to = failed.last ?? from;
  const how = refused.count > 0 ? 'refused' : 'not answered';
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation:
      `The container ${client} connects to port ${port} of the cell ${server} ${failed.count} times and is ${how}: ` +
      'ports of cells are no way from container to container.',
    pair: [client, server],
    direction: { from: client, to: server },
    where: 'sender',
    first: momentOf(from),
    last: momentOf(to),
    ongoingAtEnd: true,
    counts: { refused: refused.count, unanswered: unanswered.count },
    evidence: citations(
      [from, `${client} connects to ${server} port ${port}, ${how}`],
      [to, `${client} connects to ${server} port ${port}, ${how}, last time`],
    ),
    displayFilter: `ip.addr == ${client} && ip.addr == ${server} && tcp.port == ${port}`,
  };
}
