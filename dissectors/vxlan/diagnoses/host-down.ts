import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { type Origin, originText } from '../../../src/side-files/origin.js';
import midonetHosts from '../side-files/midonet-hosts.js';
import tunnelZones from '../side-files/tunnel-zone.js';

export default defineDiagnosis({
  id: 'midonet.host-down',
  title: 'MidoNet host is not alive',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  rule: 'midonet-cli (list host, with the members of a tunnel zone) or mm-ctl --list-hosts (--log) lists a host that is not alive, or a member of a tunnel zone that is missing from the hosts.',
  notWhen: 'No list of hosts is given.',
  causes: [
    'The MidoNet agent (midolman) does not run on the host, or has lost ZooKeeper',
    'The host is down, or was taken out and left in the tunnel zone',
  ],
  nextSteps: [
    'On the host: service midolman status; tail /var/log/midolman/midolman.log; echo ruok | nc ZOOKEEPER 2181',
    'If the host is gone for good: midonet-cli, tunnel-zone ZONE member HOST delete',
  ],
  refutedBy: 'A later list in which it is alive.',
  source: 'MidoNet guide, tunnel zone (ensure that the hosts are alive); mm-ctl',
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable'],
  technology: 'midonet',
  *diagnose(evidence): Generator<Judgement> {
    for (const { name, isAlive, addresses, origin } of evidence.side.of(midonetHosts))
      yield judge(evidence, { name, isAlive, address: addresses[0] ?? null, origin });
    for (const { zone, members } of evidence.side.of(tunnelZones)) {
      for (const { host, hostName, isAlive, address, origin } of members)
        if (isAlive !== null)
          yield judge(evidence, { name: hostName ?? host, isAlive, address, origin, zone });
    }
  },
});

interface Listed {
  readonly name: string;
  readonly isAlive: boolean;
  readonly address: string | null;
  readonly origin: Origin;
  /** Of which it is a member. */
  readonly zone?: string;
}

function judge(evidence: Evidence, { name, isAlive, address, origin, zone }: Listed): Judgement {
  const inZone = zone === undefined ? '' : `, a member of ${zone},`;
  const subject = { kind: 'host', host: name, ...(address === null ? {} : { endpoints: [address] }) };
  if (isAlive) return { result: 'healthy', subject };
  const sent = [...evidence.quality.traffic.all()].reduce((sum, { a, b, fromA, fromB }) => {
    if (a === address) return sum + fromA.packets;
    return b === address ? sum + fromB.packets : sum;
  }, 0);
  return statedProblem(evidence, {
    subject,
    severity: sent > 0 ? 'info' : 'warning',
    confidence: sent > 0 ? 'low' : 'high',
    explanation:
      `The agent of ${name}${address === null ? '' : ` (${address})`}${inZone} is not alive (${originText(origin)}): ` +
      `packets through the overlay to virtual machines there are lost.${sent > 0 ? ` The host itself sends ${sent} packets in the capture.` : ''}`,
    where: 'receiver',
    counts: { sent },
    displayFilter: address === null ? 'frame' : `ip.addr == ${address}`,
  });
}
