import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest } from '../../../src/correlate/frame-reference.js';
import type { PairTraffic } from '../../../src/correlate/traffic.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, isNonEmpty, type NonEmpty } from '../../../src/moment.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import { scionLinks } from '../correlator.js';
import { isCapturedOnTunnelInterface } from '../links.js';

const PAIRS_NAMED = 8;

export default defineDiagnosis({
  id: 'scion.foreign-traffic',
  title: 'Unexpected hosts on the tunnel',
  severity: 'info',
  subject: 'capture',
  layer: 'overlay-control',
  priority: 2,
  rule: 'A capture of a tunnel interface (raw IP) that carries a SCION link also holds packets of other hosts.',
  notWhen: 'The capture was taken on an interface with a link layer, where other hosts are to be expected.',
  causes: [
    'A route sends other traffic into the tunnel',
    'The address of tun0 changed while the capture ran, or differs from the topology',
    'A service on the host uses the tunnel (name resolution, time, multicast)',
  ],
  nextSteps: [
    'ip route; ip addr show tun0: which routes point into the tunnel, and which address has it?',
    'Compare the addresses with PublicOverlay and RemoteOverlay in topology.json',
  ],
  refutedBy: 'A second SCION link, or another service, that is meant to use this interface',
  source: 'SCIONLab guide ("only these two IP addresses")',
  fault: 'remark',
  consequenceOfIds: ['scion.endpoint-mismatch'],
  technology: 'scion',

  *diagnose({ sessions, quality }): Iterable<Judgement> {
    const links = sessions(scionLinks).filter(({ stack }) => stack === 0);
    if (links.length === 0 || !isCapturedOnTunnelInterface(quality)) return;
    const known = new Set(links.flatMap(({ low, high }) => [low, high]));
    const foreign = [...quality.traffic.all()]
      .filter(({ a, b, stack }) => stack === 0 && !(known.has(a) && known.has(b)))
      .flatMap((pair) => {
        const first = earliest([pair.fromA.first, pair.fromB.first]);
        return first ? [{ pair, first }] : [];
      })
      .sort((x, y) => x.first.frame - y.first.frame);
    const subject = { kind: 'capture', endpoints: [...known].sort() };
    if (isNonEmpty(foreign)) yield problemOf(quality, subject, foreign, known);
    else yield { result: 'healthy', subject };
  },
});

function problemOf(
  quality: CaptureQuality,
  subject: { readonly kind: string; readonly endpoints: string[] },
  foreign: NonEmpty<{ readonly pair: PairTraffic; readonly first: FrameRef }>,
  known: ReadonlySet<string>,
): Judgement {
  const named = foreign.slice(0, PAIRS_NAMED);
  const strangers = [...new Set(named.flatMap(({ pair: { a, b } }) => [a, b]))].filter(
    (one) => !known.has(one),
  );
  const packets = foreign.reduce((sum, { pair }) => sum + pair.fromA.packets + pair.fromB.packets, 0);
  const last = quality.window(foreign[0].first.segment)?.last ?? foreign[0].first;
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation: `Beside the SCION link the tunnel carries ${packets} packets of ${foreign.length} other pairs of hosts: ${named.map(({ pair }) => `${pair.a} and ${pair.b}`).join(', ')}.`,
    first: foreign[0].first,
    last,
    ongoingAtEnd: false,
    counts: { pairs: foreign.length, packets },
    evidence: named.map(({ pair, first }) => ({ ...first, summary: `${pair.a} and ${pair.b}` })),
    displayFilter: strangers.map(hostFilter).join(' || '),
  };
}
