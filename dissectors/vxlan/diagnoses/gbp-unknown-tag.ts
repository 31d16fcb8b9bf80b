import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { type InnerHost, innerHosts, tagText } from '../inner-hosts.js';
import type { VxlanTunnel } from '../session.js';
import { policyTagsOf } from '../side-files/policy-tags.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'vxlan.gbp-unknown-tag',
  title: 'Unknown policy tag',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'The tags of the policy server are given (--tags), and VXLAN packets carry a group policy id that is not among ' +
    'them. Low confidence where none of the ids of the capture is: then the tags are of another foundation or another time.',
  notWhen: 'No tags are given. The id is 0, which is no tag.',
  causes: [
    'The last policy of the app was deleted and the agent on the sending cell still marks its packets',
    'The tags were read from another foundation, or before the app got its tag',
    'Something else than silk sends into that VXLAN',
  ],
  nextSteps: [
    'Read the tags again and analyse with them: cf curl /networking/v1/external/tags',
    'Which container sends: look up the inner source address in store.json of the sending cell',
    'On the sending cell: the log of vxlan-policy-agent; iptables -S | grep set-xmark',
  ],
  refutedBy: 'A fresh list of tags that has the id.',
  source: 'Cloud Foundry guide, container-to-container networking (tags); draft-smith-vxlan-group-policy-05',
  fault: 'policy',
  technology: 'vxlan',
  *diagnose(evidence) {
    const policyTags = policyTagsOf(evidence.side);
    if (policyTags === null || policyTags.byTag.size === 0) return;
    const hosts = innerHosts(evidence);
    const anyKnown = hosts.some(({ tags }) => [...tags.keys()].some((tag) => policyTags.byTag.has(tag)));
    const byTunnel = new Map<VxlanTunnel, InnerHost[]>();
    for (const host of hosts) {
      if (host.tags.size > 0) addTo(byTunnel, host.tunnel, host);
    }
    for (const [tunnel, senders] of byTunnel) {
      const tags = new Set(senders.flatMap((host) => [...host.tags.keys()]));
      const unknown = [...tags].filter((tag) => !policyTags.byTag.has(tag));
      for (const tag of unknown) {
        yield problemOf(evidence.quality, tunnel, tag, senders, policyTags.files, anyKnown);
      }
      if (unknown.length === 0) yield { result: 'healthy', subject: tunnelSubject(tunnel) };
    }
  },
});

function problemOf(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  tag: number,
  hosts: readonly InnerHost[],
  files: readonly string[],
  anyKnown: boolean,
): Problem {
  const senders = hosts.filter(({ tags }) => tags.has(tag));
  const uses = senders.flatMap(({ tags }) => tags.get(tag) ?? []);
  const first = earliest(uses.map((use) => use.first)) ?? senders[0].first;
  const last = latest(uses.map((use) => use.last)) ?? first;
  const at = first ?? { segment: 0, timeNs: Number.NaN };
  const who = senders
    .slice(0, 3)
    .map(({ address }) => address)
    .join(', ');
  return {
    result: 'problem',
    subject: { ...tunnelSubject(tunnel), tag },
    confidence: anyKnown ? 'medium' : 'low',
    explanation:
      `${tunnelWords(tunnel)}: ${who}${senders.length > 3 ? ` and ${senders.length - 3} more` : ''} ${senders.length === 1 ? 'sends' : 'send'} with group policy id ${tag} (${tagText(tag)}), ` +
      `which is not among the tags of ${files.join(', ')}.${anyKnown ? '' : ' No other id of the capture is among them either.'}`,
    pair: pairOf(tunnel),
    where: 'sender',
    first: momentOf(at),
    last: momentOf(last ?? at),
    ongoingAtEnd: true,
    counts: { senders: senders.length, packets: uses.reduce((sum, { packets }) => sum + packets, 0) },
    evidence: citations(
      ...senders.slice(0, 4).flatMap((host) => {
        const use = host.tags.get(tag);
        return [
          [use?.first, `${host.address} sends with group policy id ${tag}`] as const,
          [use?.last, `${host.address} sends with group policy id ${tag}, last time`] as const,
        ];
      }),
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}
