import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { originText } from '../../../src/side-files/origin.js';
import { containersAt, type InnerHost, innerHosts, type TagUse, tagText } from '../inner-hosts.js';
import type { PolicyTag } from '../policy-tags-shape.js';
import { policyTagsOf } from '../side-files/policy-tags.js';
import { citations, pairOf, tunnelFilter, tunnelWords } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'silk.tag-ip-mismatch',
  title: 'Policy tag belongs to another app',
  severity: 'warning',
  subject: 'flow',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Tags (--tags) and containers (--store) are given. An inner host sends with a group policy id that the policy ' +
    'server gave to one app, while the stores say that the container with that address belongs to another one.',
  notWhen:
    'The address is in no store, its container has no policy_group_id (silk.metadata-missing), or the id is unknown (vxlan.gbp-unknown-tag). ' +
    'Several stores name the address, and one of them agrees.',
  causes: [
    'The address was given to a new container and the agent on the cell still marks it as the old one',
    'store.json or the tags are older than the capture',
  ],
  nextSteps: [
    'Read store.json on the sending cell and the tags again, and analyse with them',
    'On the sending cell: the log of vxlan-policy-agent, and the rules that mark: iptables -S | grep ADDRESS',
  ],
  refutedBy: 'A store.json of the time of the capture in which the address belongs to the app of the tag.',
  source: 'Cloud Foundry guide, container-to-container networking (tag, tags API and store.json)',
  fault: 'policy',
  *diagnose(evidence) {
    const tags = policyTagsOf(evidence.side);
    if (tags === null) return;
    for (const host of innerHosts(evidence)) {
      for (const use of host.tags.values()) {
        const judgement = judge(evidence, host, use, tags.byTag.get(use.tag));
        if (judgement) yield judgement;
      }
    }
  },
});

function judge(
  evidence: Evidence,
  host: InnerHost,
  use: TagUse,
  tag: PolicyTag | undefined,
): Judgement | null {
  const containers = containersAt(evidence, host.address).filter(({ policyGroup }) => policyGroup !== null);
  if (!tag || containers.length === 0) return null;
  const { tunnel, address } = host;
  const subject = {
    kind: 'flow',
    tunnel: 'vxlan',
    endpoints: [tunnel.low, tunnel.high],
    vni: tunnel.vni,
    address,
  };
  if (containers.some(({ policyGroup }) => policyGroup === tag.group)) return { result: 'healthy', subject };
  const [container] = containers;
  const at = use.first ?? { segment: tunnel.segment, timeNs: Number.NaN };
  return {
    result: 'problem',
    subject: { ...subject, tag: use.tag },
    confidence: 'medium',
    explanation:
      `${tunnelWords(tunnel)}: ${address} sends with group policy id ${use.tag} (${tagText(use.tag)}), the tag of ${tag.group} (${originText(tag.origin)}); ` +
      `the container with that address belongs to ${container.policyGroup} (${originText(container.origin)}).`,
    pair: pairOf(tunnel),
    where: 'sender',
    first: momentOf(at),
    last: momentOf(use.last ?? at),
    ongoingAtEnd: true,
    counts: { packets: use.packets },
    evidence: citations(
      [use.first, `${address} sends with group policy id ${use.tag}`],
      [use.last, `${address} sends with group policy id ${use.tag}, last time`],
    ),
    displayFilter: tunnelFilter(evidence.quality, [tunnel]),
  } satisfies Problem;
}
