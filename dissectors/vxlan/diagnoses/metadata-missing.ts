import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { originText } from '../../../src/side-files/origin.js';
import type { Container } from '../container-store-shape.js';
import { type InnerHost, innerHosts } from '../inner-hosts.js';
import containerStores from '../side-files/container-store.js';
import { citations, tunnelFilter } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'silk.metadata-missing',
  title: 'Container has no policy_group_id',
  severity: 'warning',
  subject: 'flow',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'store.json (--store) has a container of an app without policy_group_id, so that no network policy can apply to it. ' +
    'Warning where the container sends without tag in the capture; information where it does not send there.',
  notWhen:
    'No store is given, or the container has neither app_id nor policy_group_id: then it is no container of an app.',
  causes: ['The app was pushed before CAPI 1.0.0 (cf-release 240) and has not been restaged since'],
  nextSteps: [
    'cf restage APP, then read store.json again',
    'On the cell: "Container metadata is missing key policy_group_id" in the log of vxlan-policy-agent',
  ],
  refutedBy: 'A store.json of the time of the capture in which the container has a policy_group_id.',
  source: 'Cloud Foundry guide, known issues (container network access may require a one-time app restage)',
  fault: 'policy',
  *diagnose(evidence) {
    const known = evidence.side.of(containerStores);
    const hosts = known.length > 0 ? innerHosts(evidence) : [];
    for (const container of known) {
      if (container.policyGroup !== null || container.app !== null) {
        yield judge(
          evidence,
          container,
          hosts.filter(({ address }) => address === container.address),
        );
      }
    }
  },
});

function judge(evidence: Evidence, container: Container, hosts: readonly InnerHost[]): Judgement {
  const { address, handle, app, policyGroup, origin } = container;
  const subject = { kind: 'flow', address, container: handle };
  if (policyGroup !== null) return { result: 'healthy', subject };
  const senders = hosts.filter(({ untagged }) => untagged > 0);
  const first = earliest(senders.map((host) => host.first));
  const last = latest(senders.map((host) => host.last));
  const window = evidence.quality.window(first?.segment ?? 0);
  const at = first ?? window?.first ?? { segment: 0, timeNs: Number.NaN };
  const untagged = senders.reduce((sum, host) => sum + host.untagged, 0);
  return {
    result: 'problem',
    subject,
    severity: untagged > 0 ? 'warning' : 'info',
    confidence: 'high',
    explanation:
      `The container ${handle} (${address}, app ${app}) has no policy_group_id in ${originText(origin)}: no network policy applies to it. ` +
      (untagged > 0
        ? `In the capture it sends ${untagged} packets without tag.`
        : 'It sends nothing without tag in the capture.'),
    where: 'sender',
    first: momentOf(at),
    last: momentOf(last ?? window?.last ?? at),
    ongoingAtEnd: true,
    counts: { untaggedPackets: untagged },
    evidence: citations(
      ...senders.flatMap((host) => [
        [host.first, `${address}, first packet in the tunnel`] as const,
        [host.last, `${address}, last packet in the tunnel`] as const,
      ]),
    ),
    displayFilter:
      senders.length > 0
        ? senders.map(({ tunnel }) => `(${tunnelFilter(evidence.quality, [tunnel])})`).join(' || ')
        : `ip.addr == ${address}`,
  };
}
