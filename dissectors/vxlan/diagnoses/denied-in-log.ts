import { groupBy } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import { policyWords } from '../policy-words.js';
import cellLogs, { type CellEvent } from '../side-files/cell-log.js';

export default defineDiagnosis({
  id: 'silk.denied-in-log',
  title: 'Cell denies the connection',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 2,
  rule: 'kern.log of a cell (--log) has packets with the prefix DENY_C2C_ (between containers: no network policy) or DENY_ASG_ (egress security group), and none of the same ends with OK_ after them.',
  notWhen: 'Later packets from the same container to the same port are logged with OK_.',
  causes: [
    'C2C: no network policy allows the source app to reach that port',
    'ASG: no security group of the space allows the destination',
  ],
  nextSteps: [
    'C2C: cf network-policies; cf add-network-policy SOURCE --destination-app DESTINATION --protocol tcp --port PORT',
    'ASG: cf security-groups; cf bind-security-group NAME ORG --space SPACE, then restart the app unless dynamic ASGs are on',
    'Which app: store.json of the cell has the address of the container',
  ],
  refutedBy: 'A line of the same packets with OK_.',
  source: 'Cloud Foundry guide, debugging C2C and non-C2C packets; silk-release, iptables logging',
  fault: 'policy',
  technology: 'vxlan',
  *diagnose(evidence): Generator<Judgement> {
    const events = evidence.side
      .of(cellLogs)
      .filter(({ source, destination }) => source !== null && destination !== null);
    const groups = groupBy(events, ({ source, destination, port }) => `${source} ${destination} ${port}`);
    for (const group of groups.values()) {
      const last = group[group.length - 1];
      const subject = {
        kind: 'server',
        address: last.destination,
        source: last.source,
        port: last.port ?? 0,
      };
      if (last.kind === 'allowed') yield { result: 'healthy', subject };
      else yield problemOf(evidence, group, last, subject);
    }
  },
});

function problemOf(
  evidence: Evidence,
  group: readonly CellEvent[],
  { source, destination, port, scope, origin, text }: CellEvent,
  subject: { readonly kind: string },
): Judgement {
  const [client, server] = [source ?? '', destination ?? ''];
  const protocol = /\bPROTO=UDP\b/.test(text) ? PROTOCOL_UDP : PROTOCOL_TCP;
  const denied = group.filter(({ kind }) => kind === 'denied').length;
  const what =
    scope === 'ASG'
      ? 'an egress security group (ASG)'
      : scope === 'C2C'
        ? 'a network policy between containers'
        : 'a rule of silk';
  return statedProblem(evidence, {
    subject,
    explanation:
      `The cell denied ${denied} packets from ${client} to ${server}${port === null ? '' : ` port ${port}`} (last: ${originText(origin)}): ${what} does not allow them.` +
      policyWords(evidence, { client, server, port: port ?? 0, protocol, tags: [] }),
    pair: [client, server],
    direction: { from: client, to: server },
    where: scope === 'ASG' ? 'sender' : 'receiver',
    counts: { denied },
    ...(port === null ? {} : { packets: { of: [serviceWord(protocol, port)], lost: denied, delivered: 0 } }),
    displayFilter: addressFilter(client, server),
  });
}
