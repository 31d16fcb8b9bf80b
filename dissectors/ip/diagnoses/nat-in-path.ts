import type { Comparison } from '../../../src/compare/comparison.js';
import type { NatEntry } from '../../../src/compare/plan.js';
import { addTo } from '../../../src/correlate/group-by.js';
import { sideName } from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { hostFilter } from '../../../src/wording/display-filters.js';

const PORTS_SHOWN = 5;

export default definePairDiagnosis({
  id: 'underlay.nat-in-path',
  title: 'Addresses are translated between the two captures',
  severity: 'info',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule: 'The same packets carry another address or port at the other end.',
  notWhen: 'Only single packets match under other addresses.',
  causes: [
    'A NAT gateway, load balancer or firewall with address translation on the path',
    'A container or pod network that masquerades what leaves the host',
  ],
  nextSteps: [
    'Write rules and peer addresses for what each side sees, not for what the other side sends',
    'For IPsec make sure that NAT traversal is on at both ends, for UDP tunnels that keepalives come more often than the NAT forgets (20 s)',
  ],
  refutedBy: 'The original address in a capture behind the assumed NAT',
  source: 'openswan guide: IP addresses may have changed; RFC 3022; RFC 3947',
  fault: 'remark',
  *judgePair({ comparison }) {
    const entries = new Map<string, NatEntry[]>();
    for (const entry of comparison.nat) {
      const key = `${hostOf(entry.a)} ${hostOf(entry.b)}`;
      addTo(entries, key, entry);
    }
    for (const translations of entries.values()) yield* problemsOf(translations, comparison);
    if (entries.size === 0) {
      for (const { plan } of comparison.directions) {
        if (plan.sender === 'a')
          yield { result: 'healthy', subject: { kind: 'pair', endpoints: [plan.from, plan.to] } };
      }
    }
  },
});

function* problemsOf(translations: readonly NatEntry[], comparison: Comparison): Iterable<Judgement> {
  const [{ a, b, translatedAt }] = translations;
  const [hostA, hostB] = [hostOf(a), hostOf(b)];
  const direction = comparison.directions.find(
    ({ plan, tally }) =>
      tally.firstDelivered?.partner &&
      [plan.from, plan.to].some((host) => host === hostA || host === hostB) &&
      [plan.fromAtReceiver, plan.toAtReceiver].some((host) => host === hostA || host === hostB),
  );
  const sent = direction?.tally.firstDelivered;
  if (!direction || !sent?.partner) return;
  const ports = translations.filter(({ a: from }) => from !== hostA);
  const first = comparison.refOf(sent);
  const last = comparison.refOf(direction.tally.lastDelivered ?? sent);
  const shown = ports.slice(0, PORTS_SHOWN).map((entry) => `${entry.a} is ${entry.b}`);
  yield {
    result: 'problem',
    subject: { kind: 'pair', endpoints: [hostA, hostB] },
    confidence: 'high',
    explanation:
      (hostA === hostB
        ? `The ports of ${hostA} are translated between the captures`
        : `What is ${hostA} in capture A is ${hostB} in capture B: the host on side ${sideName(translatedAt)} is translated`) +
      (shown.length > 0 ? ` (${shown.join(', ')}${ports.length > PORTS_SHOWN ? ' …' : ''}).` : '.'),
    pair: [direction.plan.from, direction.plan.to],
    where: 'path',
    first,
    last,
    ongoingAtEnd: false,
    counts: { translations: translations.length, ports: ports.length },
    evidence: [
      { ...first, summary: `the packet as ${sideName(sent.side)} shows it` },
      {
        ...comparison.refOf(sent.partner),
        summary: `the same packet as ${sideName(sent.partner.side)} shows it`,
      },
    ],
    displayFilter: [...new Set([hostFilter(hostA), hostFilter(hostB)])].join(' || '),
  };
}

/** The address of `address`, `address:port` or `[address]:port`. */
function hostOf(end: string): string {
  if (end.startsWith('[')) return end.slice(1, end.indexOf(']'));
  return end.split(':').length === 2 ? end.replace(/:\d+$/, '') : end;
}
