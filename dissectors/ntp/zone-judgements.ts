import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { originText } from '../../src/side-files/origin.js';
import hostDates, { type HostDate } from './side-files/host-dates.js';

const NAMED_MAX = 6;

/** `time.zone-shift`: hosts whose `date` is in different zones, and clocks that are kept in local time. */
export function* zonesByOutput(evidence: Evidence): Generator<Judgement> {
  const dates = evidence.side.of(hostDates);
  if (dates.length === 0) return;
  const [first] = dates;
  const subject = { kind: 'host', date: first.origin.file };
  const local = dates.find(({ isClockLocal }) => isClockLocal);
  const zones = new Set(dates.map(({ zone }) => canonicalZone(zone)));
  if (zones.size <= 1 && local === undefined) {
    yield { result: 'healthy', subject };
    return;
  }
  const named = dates.slice(0, NAMED_MAX).map(words).join(', ');
  yield statedProblem(evidence, {
    subject,
    severity: 'info',
    confidence: 'medium',
    title: zones.size > 1 ? 'Hosts are in different time zones' : 'Hardware clock in local time',
    explanation:
      zones.size > 1
        ? `The hosts are not set to one time zone: ${named}. Times of their logs differ by hours, and so do captures that are printed with local time.`
        : `The hardware clock of ${local?.host ?? first.host} runs in local time (${originText((local ?? first).origin)}); after a restart the system may be hours off.`,
    where: 'unknown',
    counts: { exchanges: 0, offsetSeconds: 0 },
  });
}

function canonicalZone(zone: string): string {
  return zone === 'GMT' || zone === 'UTC' || zone === '+00' ? 'UTC' : zone;
}

function words({ host, zone, origin }: HostDate): string {
  return `${host}: ${zone}${host === origin.file ? '' : ` (${originText(origin)})`}`;
}
