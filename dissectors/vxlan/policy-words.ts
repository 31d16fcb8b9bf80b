import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { originText } from '../../src/side-files/origin.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { containersAt } from './inner-hosts.js';
import type { NetworkPolicy } from './policy-tags-shape.js';
import { policyTagsOf } from './side-files/policy-tags.js';

/** A connection that was turned down. */
export interface Refused {
  readonly client: string;
  readonly server: string;
  readonly port: number;
  readonly protocol: number;
  /** Group policy ids of the packets. */
  readonly tags: readonly number[];
}

/** Sentences, each with a space in front: who the two are by store.json, and what the given policies allow between them. */
export function policyWords(evidence: Evidence, refused: Refused): string {
  const [from, to] = [groupsAt(evidence, refused.client), groupsAt(evidence, refused.server)];
  const tags = policyTagsOf(evidence.side);
  for (const tag of refused.tags) {
    const group = tags?.byTag.get(tag)?.group;
    if (group !== undefined) from.add(group);
  }
  const whose =
    whoWords(evidence, refused.client, 'container') + whoWords(evidence, refused.server, 'destination');
  const policies = tags?.policies ?? [];
  if (policies.length === 0 || from.size === 0) return whose;
  const between = policies.filter(
    ({ source, destination }) => from.has(source) && (to.size === 0 || to.has(destination)),
  );
  return `${whose}${ruleWords(between, refused, policies.length)}`;
}

function ruleWords(between: readonly NetworkPolicy[], { port, protocol }: Refused, given: number): string {
  if (between.length === 0) return ` None of the ${given} given policies is for the two.`;
  const name = protocol === PROTOCOL_UDP ? 'udp' : 'tcp';
  const fitting = between.find(
    (one) => one.protocol === name && port >= one.firstPort && port <= one.lastPort,
  );
  if (fitting)
    return ` The policy in ${originText(fitting.origin)} allows ${name} ${port}: the cell has not applied it.`;
  const ports = between.map(
    ({ protocol: other, firstPort, lastPort }) =>
      `${other} ${firstPort === lastPort ? firstPort : `${firstPort} to ${lastPort}`}`,
  );
  return ` The policy in ${originText(between[0].origin)} allows ${ports.slice(0, 3).join(', ')}, not ${name} ${port}.`;
}

function groupsAt(evidence: Evidence, address: string): Set<string> {
  return new Set(containersAt(evidence, address).flatMap(({ policyGroup }) => policyGroup ?? []));
}

function whoWords(evidence: Evidence, address: string, what: string): string {
  const [known] = containersAt(evidence, address);
  if (known === undefined) return '';
  const group = known.policyGroup === null ? 'no policy_group_id' : `policy group ${known.policyGroup}`;
  const space = known.space === null ? '' : `, space ${known.space}`;
  return ` By ${originText(known.origin)} the ${what} ${address} has ${group}${space}.`;
}
