import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { NS_PER_MILLISECOND, NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import {
  EXCHANGES_MIN,
  type HostClock,
  hostClocks,
  isOff,
  lastingOffset,
  type Measurement,
  medianOf,
  OFFSET_MS,
  offsetWords,
  patienceSeconds,
  STARTING_SECONDS,
} from '../clock-offsets.js';
import { offsetByNtpq } from '../ntpq-judgements.js';
import { hostSubject, ntpFilter, severityOfTime } from '../time-service.js';

const CITED = 4;
const PANIC_SECONDS = 1000;

export default defineDiagnosis({
  id: 'time.ntp-offset',
  title: 'Clock offset too large',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 1,
  judgesLast: true,
  rule:
    'At least 2 NTP exchanges, the newest among them, say that the clock of a host differs from that of most of its time servers by more ' +
    'than 128 ms beyond what the delay leaves open; or ntpq -pn of a host (--log) says so of the server that it follows. Warning where the host tells its own time in its requests, the capture is ' +
    'small or in a tunnel and nothing else is wrong; information otherwise, and where it is the clock of the capture that differs.',
  notWhen:
    'The host has just started and is setting its clock (leap indicator 3: 300 s; a simple client: 30 s). A later exchange finds the ' +
    'clock right. Only one of several servers disagrees.',
  causes: [
    'ntpd or chronyd does not run on the host, or does not accept its servers',
    'The clock of a virtual machine stood while it was suspended or moved to another host',
    'The offset is so large (above 1000 s) that ntpd refuses to correct it',
    'The hardware clock is wrong and was taken over at boot',
  ],
  nextSteps: [
    'On the host: ntpq -pn or chronyc tracking; exactly one line should begin with *, with an offset of a few milliseconds',
    'Set the clock once: chronyc makestep, or ntpd -gq; then watch whether it stays',
    'Until then, mind that log lines of this host carry its own, wrong time',
  ],
  refutedBy: 'ntpq -pn on the host shows a small offset to the same servers at the same time.',
  source: 'RFC 5905, sections 8 and 10; MidoNet guide (time synchronisation)',
  thresholds: {
    offsetMs: [OFFSET_MS, 'ms', 'ntpd steps the clock above it instead of slewing it'],
    exchanges: [EXCHANGES_MIN, 'exchanges', 'one answer may have been delayed'],
    startingSeconds: [
      STARTING_SECONDS,
      's',
      'ntpd needs about five polls of 64 s to set a clock at the start',
    ],
  },
  fault: 'application',
  consequenceOfIds: ['time.ntp-kiss', 'time.ntp-unsynchronised'],
  *diagnose(evidence) {
    const clocks = hostClocks(evidence);
    for (const clock of clocks) {
      const judgement = judgeHost(evidence, clock);
      if (judgement) yield judgement;
    }
    const judgement = judgeCapture(evidence, clocks);
    if (judgement) yield judgement;
    yield* offsetByNtpq(evidence);
  },
});

/** Null for hosts that do not tell their own time. */
function judgeHost(evidence: Evidence, { client, stack, measurements }: HostClock): Judgement | null {
  const told = measurements.filter(({ clientOffsetNs }) => !Number.isNaN(clientOffsetNs));
  if (told.length === 0) return null;
  const subject = hostSubject(evidence.quality, client, stack);
  const off = lastingOffset(told, ({ clientOffsetNs, clientErrorNs }) => ({
    offsetNs: clientOffsetNs,
    errorNs: clientErrorNs,
  }));
  if (!off) return { result: 'healthy', subject };
  const patience = patienceSeconds(off);
  const span = (off[off.length - 1].reply.timeNs - off[0].request.timeNs) / NS_PER_SECOND;
  if (span < patience) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `${client} is off by ${offsetWords(off[off.length - 1].clientOffsetNs)}, but seems to have just started and to be setting its clock; capture its NTP for ${patience} s.`,
      neededSeconds: patience,
    };
  }
  return hostProblem(evidence, client, stack, told, off);
}

function hostProblem(
  evidence: Evidence,
  client: string,
  stack: number,
  told: readonly Measurement[],
  off: readonly Measurement[],
): Problem {
  const offset = medianOf(off.map(({ clientOffsetNs }) => clientOffsetNs));
  const servers = [...new Set(off.map(({ server }) => server))];
  return {
    result: 'problem',
    subject: hostSubject(evidence.quality, client, stack),
    severity: severityOfTime(evidence, { address: client, stack }),
    confidence: servers.length > 1 ? 'high' : 'medium',
    explanation:
      `The clock of ${client} is ${offsetWords(offset)} ${offset > 0 ? 'behind' : 'ahead of'} ` +
      `${servers.length === 1 ? servers[0] : plural(servers.length, 'time server')} in ${off.length} of ` +
      `${plural(told.length, 'exchange')}; the network delay accounts for ` +
      `${offsetWords(Math.max(...off.map(({ clientErrorNs }) => clientErrorNs)))} of that at most.` +
      (Math.abs(offset) > PANIC_SECONDS * NS_PER_SECOND
        ? ' ntpd does not correct an offset of more than 1000 s by itself.'
        : ''),
    where: 'sender',
    ...spanOf(off),
    counts: {
      exchanges: told.length,
      off: off.length,
      servers: servers.length,
      offsetMilliseconds: Math.round(offset / NS_PER_MILLISECOND),
    },
    evidence: citationsOf(off, ({ clientOffsetNs }) => `${client} by ${offsetWords(clientOffsetNs)}`),
    displayFilter: ntpFilter(evidence.quality, stack, client),
  };
}

/** The capture's own clock, by the servers of all hosts; null where no exchange is complete. */
function judgeCapture(evidence: Evidence, clocks: readonly HostClock[]): Judgement | null {
  const all = clocks
    .flatMap(({ measurements }) => measurements)
    .sort((a, b) => a.reply.frame - b.reply.frame);
  if (all.length === 0) return null;
  const subject = { kind: 'capture' };
  const off = lastingOffset(all, ({ captureOffsetNs, captureErrorNs }) => ({
    offsetNs: captureOffsetNs,
    errorNs: captureErrorNs,
  }));
  if (!off) return { result: 'healthy', subject };
  // A host whose clock is that of the capture was judged by itself.
  if (off.every(isByOwnClock)) return null;
  const offset = medianOf(off.map(({ captureOffsetNs }) => captureOffsetNs));
  const servers = [...new Set(off.map(({ server }) => server))];
  const right = clocks.filter(({ measurements }) =>
    measurements.some(({ clientOffsetNs, clientErrorNs }) => !isOff(clientOffsetNs, clientErrorNs)),
  );
  const isCaptureAlone = right.some(({ measurements }) =>
    measurements.some(({ clientOffsetNs }) => !Number.isNaN(clientOffsetNs)),
  );
  return {
    result: 'problem',
    subject,
    severity: 'info',
    confidence: isCaptureAlone ? 'high' : servers.length > 1 ? 'medium' : 'low',
    title: 'The clock of the capture differs from that of the time servers',
    explanation:
      `The times of the capture are ${offsetWords(offset)} ${offset > 0 ? 'behind' : 'ahead of'} ` +
      `${servers.length === 1 ? `the time server ${servers[0]}` : plural(servers.length, 'time server')} ` +
      `(${plural(off.length, 'exchange')}). ` +
      (isCaptureAlone
        ? 'Hosts that ask them have the right time, so it is the host that captured whose clock is wrong.'
        : 'Where the capture was taken on the host that asks, it is that host whose clock is wrong.'),
    where: 'unknown',
    ...spanOf(off),
    counts: {
      exchanges: all.length,
      off: off.length,
      servers: servers.length,
      offsetMilliseconds: Math.round(offset / NS_PER_MILLISECOND),
    },
    evidence: citationsOf(off, ({ captureOffsetNs }) => `the capture by ${offsetWords(captureOffsetNs)}`),
    displayFilter: ntpFilter(evidence.quality, 0),
    causes: [
      'The clock of the host that captured is not synchronised',
      'Times were shifted afterwards (editcap -t), or the capture was generated',
    ],
    nextSteps: [
      'On the host that captured: ntpq -pn or chronyc tracking',
      'Add the offset before you compare times of this capture with logs or with another capture',
    ],
  };
}

function isByOwnClock({ captureOffsetNs, clientOffsetNs, clientErrorNs }: Measurement): boolean {
  return !isOff(captureOffsetNs - clientOffsetNs, clientErrorNs) && !Number.isNaN(clientOffsetNs);
}

function spanOf(off: readonly Measurement[]): Pick<Problem, 'first' | 'last' | 'lastGood' | 'ongoingAtEnd'> {
  return { first: off[0].request, last: off[off.length - 1].reply, lastGood: null, ongoingAtEnd: true };
}

/** Requests and answers of the first ones and of the last one. */
function citationsOf(off: readonly Measurement[], words: (one: Measurement) => string): Citation[] {
  const cited = [...new Set([...off.slice(0, CITED - 1), off[off.length - 1]])];
  return cited
    .flatMap((one) => [
      { ...one.request, summary: `NTP request to ${one.server}` },
      { ...one.reply, summary: `the time of ${one.server} differs from that of ${words(one)}` },
    ])
    .sort((a, b) => a.frame - b.frame);
}
