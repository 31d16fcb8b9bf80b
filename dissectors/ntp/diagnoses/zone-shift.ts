import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../../src/units.js';
import { EXCHANGES_MIN, hostClocks, type Measurement, medianOf, offsetWords } from '../clock-offsets.js';
import { hostSubject, ntpFilter } from '../time-service.js';
import { zonesByOutput } from '../zone-judgements.js';

const STEP_MINUTES = 15;
const STEP_NS = STEP_MINUTES * 60 * NS_PER_SECOND;
const TOLERANCE_SECONDS = 5;
/** From UTC-12 to UTC+14, and the difference of two of them. */
const LARGEST_HOURS = 26;

export default defineDiagnosis({
  id: 'time.zone-shift',
  title: 'Time zone mix-up',
  severity: 'info',
  subject: 'host',
  layer: 'overlay-control',
  priority: 3,
  rule:
    'At least 2 NTP exchanges put a clock (of the host that asks, else of the capture) a multiple of 15 minutes away from the time ' +
    'servers, within 5 s, and no more than 26 hours: local time was taken for UTC. Or: date or timedatectl of hosts (--log) show different zones, or a hardware clock in local time.',
  notWhen: 'The offset is no multiple of 15 minutes, or changes while the host sets its clock.',
  causes: [
    'The hardware clock runs in local time and the system reads it as UTC, or the other way round (dual boot, hypervisor)',
    'The host has the wrong time zone and its clock was set by hand to match the wall',
    'The capture was converted by a program that wrote local time',
  ],
  nextSteps: [
    'On the host: timedatectl; "RTC in local TZ" should say no, and the time zone should be the one of the site',
    'Set hardware and system clock: timedatectl set-local-rtc 0; chronyc makestep; hwclock --systohc --utc',
  ],
  refutedBy: 'The offset to the same servers is not constant.',
  source: 'MidoNet guide (correct time zones); RFC 5905, section 6 (NTP counts in UTC)',
  thresholds: {
    stepMinutes: [STEP_MINUTES, 'min', 'time zones differ by multiples of 15 minutes'],
    toleranceSeconds: [
      TOLERANCE_SECONDS,
      's',
      'a clock of that quality; by chance an offset is that near in 1 of 90 cases',
    ],
    largestHours: [LARGEST_HOURS, 'h', 'no two zones are farther apart'],
  },
  fault: 'remark',
  *diagnose(evidence) {
    for (const clock of hostClocks(evidence)) {
      const { client, stack, measurements } = clock;
      const told = measurements.filter(({ clientOffsetNs }) => !Number.isNaN(clientOffsetNs));
      const isTold = told.length > 0;
      const used = isTold ? told : measurements;
      if (used.length < EXCHANGES_MIN) continue;
      const offsets = used.map((one) => (isTold ? one.clientOffsetNs : one.captureOffsetNs));
      const whose = isTold ? client : null;
      yield judge(evidence, client, stack, whose, used, offsets);
    }
    yield* zonesByOutput(evidence);
  },
});

function judge(
  evidence: Evidence,
  client: string,
  stack: number,
  whose: string | null,
  used: readonly Measurement[],
  offsets: readonly Nanoseconds[],
): Judgement {
  const { quality } = evidence;
  const subject = hostSubject(quality, client, stack);
  if (!offsets.every(isZoneShift)) return { result: 'healthy', subject };
  const offset = medianOf(offsets);
  const [first, last] = [used[0], used[used.length - 1]];
  return {
    result: 'problem',
    subject,
    severity: 'info',
    confidence: whose ? 'medium' : 'low',
    explanation:
      `${whose ? `The clock of ${whose}` : `The clock of the capture (or of ${client}, where it was taken there)`} is ` +
      `${offsetWords(offset)} ${offset > 0 ? 'behind' : 'ahead of'} the time servers: ` +
      `${Math.round(Math.abs(offset) / STEP_NS)} × 15 minutes, as if local time had been taken for UTC.`,
    where: 'sender',
    first: first.request,
    last: last.reply,
    ongoingAtEnd: true,
    counts: { exchanges: used.length, offsetSeconds: Math.round(offset / NS_PER_SECOND) },
    evidence: [first, last].flatMap(({ request, reply, server }) => [
      { ...request, summary: `NTP request to ${server}` },
      { ...reply, summary: `answer of ${server}` },
    ]),
    displayFilter: ntpFilter(quality, stack, client),
  };
}

function isZoneShift(ns: Nanoseconds): boolean {
  const size = Math.abs(ns);
  const steps = Math.round(size / STEP_NS);
  return (
    steps > 0 &&
    size <= LARGEST_HOURS * 3600 * NS_PER_SECOND &&
    Math.abs(size - steps * STEP_NS) <= TOLERANCE_SECONDS * NS_PER_SECOND
  );
}
