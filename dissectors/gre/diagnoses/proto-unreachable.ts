import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_GRE } from '../../../src/wire/ip.js';
import { type IcmpError, icmpErrors } from '../../icmp/correlator.js';
import { judgeReachability, LASTING_COUNT } from '../../icmp/shared/reachability.js';
import { greTunnels } from '../correlator.js';
import { dataPackets, grePairs, pairSubject } from '../tunnel-pairs.js';

export default defineDiagnosis({
  id: 'gre.proto-unreachable',
  title: 'Peer does not speak GRE',
  severity: 'error',
  subject: 'pair',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'An ICMP protocol unreachable (3/2) quotes GRE, or a port unreachable (3/3) does: Linux answers so for GRE that matches none of ' +
    'its tunnels. Information where fewer than 3 came and the other end was heard again.',
  notWhen: 'The quoted source is not the receiver of the error. The error quotes another protocol.',
  causes: [
    'Protocol unreachable: no GRE on the other end (kernel module ip_gre not loaded, tunnel never configured)',
    'Port unreachable: GRE is there, but no tunnel with these outer addresses and this key',
    'A host with the address of the tunnel end that is not the tunnel end (address reused)',
  ],
  nextSteps: [
    'On the other end: ip -d link show type gre; ip -d link show type gretap; lsmod | grep ip_gre',
    'Compare local, remote and key with the packets: capan shows them under the tunnel',
  ],
  refutedBy: 'Inner packets that are answered through the tunnel.',
  source: 'RFC 792 (destination unreachable); RFC 1122, section 3.2.2.1; RFC 2784',
  thresholds: {
    lastingCount: [LASTING_COUNT, 'errors', 'fewer may be a moment of a restart'],
  },
  fault: 'refused',
  technology: 'gre',
  explicitSignal: true,
  *diagnose(evidence) {
    const named = new Set<string>();
    for (const judgement of judgeReachability(evidence, { accepts, severity: 'error' })) {
      if (judgement.result === 'healthy') continue;
      if (judgement.result !== 'problem') yield judgement;
      else {
        for (const end of judgement.pair ?? []) named.add(end);
        yield sharpened(judgement, evidence.sessions(icmpErrors).filter(accepts));
      }
    }
    for (const pair of grePairs(evidence.sessions(greTunnels))) {
      if (named.has(pair.low) && named.has(pair.high)) continue;
      if (dataPackets(pair, 0) === 0 || dataPackets(pair, 1) === 0) continue;
      yield { result: 'healthy', subject: pairSubject(pair) };
    }
  },
});

function accepts({ meaning, quoted }: IcmpError): boolean {
  return (
    quoted?.protocol === PROTOCOL_GRE &&
    (meaning === 'protocol-unreachable' || meaning === 'port-unreachable')
  );
}

/** Port unreachable alone says that there is GRE, but no tunnel that matches. */
function sharpened(problem: Problem, errors: readonly IcmpError[]): Problem {
  const { direction } = problem;
  const own = errors.filter(
    ({ quoted }) => quoted?.source === direction?.from && quoted?.destination === direction?.to,
  );
  const isNoTunnel = own.length > 0 && own.every(({ meaning }) => meaning === 'port-unreachable');
  return {
    ...problem,
    ...(isNoTunnel ? { title: 'Peer has no GRE tunnel that matches' } : {}),
    packets: { of: ['gre'], lost: problem.packets?.lost ?? 0, delivered: 0, areRefused: true },
    packetClass: 'gre',
  };
}
