import { momentOf } from '../../src/correlate/frame-reference.js';
import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence, Problem } from '../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../src/diagnose/packet-class.js';
import { type NonEmpty, spanOf } from '../../src/moment.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { isTraceroutePort } from '../../src/wire/transport.js';
import { icmpErrors } from '../icmp/correlator.js';
import {
  citationsOf,
  type ErrorPair,
  errorFilter,
  errorPairs,
  hasRecovered,
  type QuotingError,
} from '../icmp/shared/error-pairs.js';
import { containersAt } from './inner-hosts.js';
import { policyWords } from './policy-words.js';
import { GATEWAY } from './silk.js';

/*
 * What the cell of a container rejects before it leaves: the egress security groups (ASGs) of silk end in a rule that
 * answers ICMP port unreachable, from the host side of the container's link.
 */

const MEANINGS: readonly string[] = ['port-unreachable', 'admin-prohibited'];

/** One a container and service, outside of tunnels. */
export function* egressRejections(evidence: Evidence): Generator<Problem> {
  const errors = evidence
    .sessions(icmpErrors)
    .filter(({ stack, meaning, quoted }) => stack === 0 && quoted !== null && MEANINGS.includes(meaning));
  for (const pair of errorPairs(errors)) {
    const rejected = pair.errors.filter((error) => isEgressReject(evidence, pair, error));
    const services = groupBy(rejected, ({ quoted }) => `${quoted.protocol} ${quoted.destinationPort}`);
    for (const group of services.values()) yield problemOf(evidence, pair, group);
  }
}

/**
 * The gateway of all containers answers in the name of another host; or the host of a container that a store lists
 * answers, and the destination itself says nothing.
 */
function isEgressReject(
  evidence: Evidence,
  { source, destination }: ErrorPair,
  { reporter, quoted }: QuotingError,
): boolean {
  if (reporter === destination) return false;
  if (quoted.protocol === PROTOCOL_UDP && isTraceroutePort(quoted.destinationPort)) return false;
  return reporter === GATEWAY || containersAt(evidence, source).length > 0;
}

function problemOf(evidence: Evidence, pair: ErrorPair, errors: NonEmpty<QuotingError>): Problem {
  const { source, destination } = pair;
  const [{ quoted, reporter }] = errors;
  const { protocol, destinationPort: port } = quoted;
  const count = errors.reduce((sum, one) => sum + one.count, 0);
  const { first, last } = spanOf(errors);
  const isOver = errors.every((error) => hasRecovered(evidence.quality, error));
  const name = protocol === PROTOCOL_TCP ? 'TCP' : protocol === PROTOCOL_UDP ? 'UDP' : `protocol ${protocol}`;
  const service = port > 0 ? `${name} port ${port}` : name;
  return {
    result: 'problem',
    subject: {
      kind: 'server',
      address: destination,
      port,
      protocol: protocol === PROTOCOL_UDP ? 'udp' : 'tcp',
      endpoints: [source, destination],
    },
    severity: isOver ? 'info' : 'warning',
    confidence: reporter === GATEWAY ? 'high' : 'medium',
    title: 'Egress security group rejects the connection',
    explanation:
      `Packets of the container ${source} to ${destination}, ${service}, are rejected by ${reporter === GATEWAY ? `${GATEWAY}, the host side of its link` : `its host ${reporter}`} ` +
      `(${count} ICMP errors), not by ${destination}: an egress security group (ASG) of the cell does not allow them.` +
      policyWords(evidence, { client: source, server: destination, port, protocol, tags: [] }) +
      (isOver ? ' Later they pass.' : ''),
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: null,
    ongoingAtEnd: !isOver,
    packets: { of: port > 0 ? [serviceWord(protocol, port)] : [], lost: count, delivered: 0 },
    counts: { attempts: errors.length, packets: count, clients: 1, refusedId: 0, acceptedId: 0 },
    evidence: citationsOf({ ...pair, errors, count }),
    displayFilter: errorFilter({ ...pair, errors }),
    causes: [
      `No security group of the space, nor a global one for running apps, allows ${service} to ${destination}`,
      'The security group was bound after the app was started, and dynamic ASGs are off: the app must be restarted',
      'policy-server-asg-syncer or vxlan-policy-agent failed to apply the rules (an ICMP "any" rule makes iptables fail)',
      'To another container: no network policy allows it; the port of a cell is no way around',
    ],
    nextSteps: [
      'cf security-groups; cf space SPACE --security-group-rules: is the destination in one of them? cf bind-security-group NAME ORG --space SPACE, then restart the app',
      'On the cell: iptables -S | grep CONTAINER-IP, and the REJECT rule that counts in iptables -L -v -n',
      'Logs of vxlan-policy-agent and policy-server-asg-syncer: "Bad rule", "No chain/target/match by that name"',
      'To another container: cf add-network-policy SOURCE --destination-app DESTINATION --protocol tcp --port PORT',
    ],
  };
}
