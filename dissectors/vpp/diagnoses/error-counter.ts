import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { type VppTrace, vppTraces } from '../correlator.js';
import { refOf } from '../flow-words.js';
import type { VppCounter } from '../session.js';
import { SEVERITY_ERROR, SEVERITY_INFO, SEVERITY_NONE } from '../trace-text.js';

/** Where VPP prints no severity: counters of packets lost; the others count what is normal. */
const LOSS =
  /drop|miss|exceeded|\bbad\b|unknown|invalid|fail|buffers|deny|denied|is down|too (?:short|long|big|small)|ttl <=|inconsistent|spoofed|malformed|timeout|no listener|overrun|congest/i;
const BUFFERS = /out of buffers|no[ _]buffers?|allocate buffer/i;
/** Counters without a severity of their own are called errors, whatever they count. */
const NORMAL =
  /\b(?:packets?|acks?|segments?|requests?|repl(?:y|ies)|advertisements?|solicitations?|sessions?|syns?)\s+(?:sent|received|transmitted|processed|created|accepted|forwarded)\b|^(?:good|no error|processed|accepted|next|permitted|translated)/i;
const SHOWN = 5;
const GROWTH_MIN = 100;

export default defineDiagnosis({
  id: 'vpp.error-counter',
  title: 'VPP error counters grow',
  severity: 'info',
  subject: 'session',
  layer: 'underlay',
  priority: 2,
  rule: 'Between two tables of show errors in the text, a counter that VPP itself calls an error or warning grows (without that column: one of lost packets). Warning where one grows by at least 100, or VPP lacked buffers.',
  notWhen:
    'The column Severity says info, the counter counts what is normal (packets processed, ARP replies), or stands still, or there is one table only.',
  causes: [
    'No free slots or descriptors in a transmit queue: the interface is slower than what is sent to it, or has too few of them',
    'As the reason of the counter says; ARP misses and single drops are normal on a busy node',
  ],
  nextSteps: [
    'vppctl clear errors; make the traffic that fails; vppctl show errors: which reason counts as often as packets fail?',
    'pcap trace drop max 1000 file drops.pcap, then off: the dropped packets with their reasons',
  ],
  refutedBy: 'The counter stands still while the traffic fails.',
  source: 'VPP: show errors; Calico VPP troubleshooting guide',
  thresholds: {
    growth: [GROWTH_MIN, 'packets', 'ARP misses and single drops are normal on a busy node'],
  },
  fault: 'remark',
  *diagnose(evidence) {
    const subject = { kind: 'session', protocol: 'vpp', table: 'errors' };
    for (const trace of evidence.sessions(vppTraces)) {
      const losses = trace.counters.filter(isLoss);
      const tables = Math.max(0, ...trace.counters.map(({ table }) => table));
      if (tables === 0) continue;
      if (tables === 1) yield onlyOne(subject, losses);
      else yield judge(trace, losses, subject);
    }
  },
});

function isLoss({ severity, reason }: VppCounter): boolean {
  if (severity === SEVERITY_NONE) return LOSS.test(reason);
  return severity !== SEVERITY_INFO && !NORMAL.test(reason);
}

function isLoud({ counter: { severity, reason }, by }: Growth): boolean {
  return BUFFERS.test(reason) || (severity === SEVERITY_ERROR && by >= GROWTH_MIN);
}

function onlyOne(subject: Subject, losses: readonly VppCounter[]): Judgement {
  if (losses.length === 0) return { result: 'healthy', subject };
  const reason =
    'One table of show errors counts since VPP started; put a second one, taken while the traffic fails, into the same text.';
  return insufficientData(subject, reason);
}

interface Growth {
  readonly counter: VppCounter;
  readonly by: number;
}

function judge(trace: VppTrace, losses: readonly VppCounter[], subject: Subject): Judgement {
  const grown = growthOf(losses).sort((a, b) => b.by - a.by);
  if (grown.length === 0 || trace.first === null || trace.last === null)
    return { result: 'healthy', subject };
  const shown = grown.slice(0, SHOWN);
  const evidence = shown.map(({ counter: { at, node, reason, count }, by }) => ({
    ...refOf(at),
    summary: `line ${at.line}: ${count} ${node} ${reason} (${by} more)`,
  }));
  const words = shown.map(({ counter: { node, reason }, by }) => `${by} more of "${reason}" at ${node}`);
  return {
    result: 'problem',
    subject,
    severity: grown.some(isLoud) ? 'warning' : 'info',
    confidence: 'high',
    explanation: `Counters of lost packets grow between the tables: ${words.join('; ')}.`,
    first: trace.first,
    last: trace.last,
    ongoingAtEnd: true,
    counts: { countersGrown: grown.length, largestGrowth: grown[0]?.by ?? 0 },
    evidence,
    displayFilter: 'frame',
  };
}

/** From the first table that has the counter to the last one; counters of several threads add up. */
function growthOf(losses: readonly VppCounter[]): Growth[] {
  const byName = new Map<string, Map<number, VppCounter>>();
  for (const counter of losses) {
    const name = `${counter.node} ${counter.reason}`;
    const tables = byName.get(name) ?? new Map<number, VppCounter>();
    byName.set(name, tables);
    const same = tables.get(counter.table);
    tables.set(counter.table, same ? { ...counter, count: same.count + counter.count } : counter);
  }
  return [...byName.values()].flatMap((tables) => {
    const ordered = [...tables.values()].sort((a, b) => a.table - b.table);
    const [first] = ordered;
    const last = ordered.at(-1);
    const by = first && last ? last.count - (ordered.length > 1 ? first.count : 0) : 0;
    // Absent from the first table: zero there.
    const isNew = ordered.length === 1 && (first?.table ?? 1) > 1;
    return last && by > 0 && (ordered.length > 1 || isNew) ? [{ counter: last, by }] : [];
  });
}
