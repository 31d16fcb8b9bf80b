import {
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import type { Subject } from '../../src/report/report.js';
import { OFFSET_MS } from './clock-offsets.js';
import { ntpAssociations } from './correlator.js';
import ntpqTables, { type NtpqPeer, type NtpqTable, systemPeer } from './side-files/ntpq.js';

/* What `ntpq -pn` of a host says of its clock: the peer that it follows, which servers answer it, and how far it is off. */

/** The last three polls or fewer: a daemon that was started minutes ago. */
const STARTING_REACHES: readonly number[] = [1, 3, 7];
const STRATUM_UNSYNCHRONISED = 16;
const POLLS = 8;

function hostSubject({ file }: NtpqTable): Subject {
  return { kind: 'host', ntpq: file };
}

/** `time.ntp-unsynchronised`: no line begins with `*`. */
export function* unsynchronisedByNtpq(evidence: Evidence): Generator<Judgement> {
  for (const table of evidence.side.of(ntpqTables)) {
    const subject = hostSubject(table);
    if (systemPeer(table) !== null) {
      yield { result: 'healthy', subject };
      continue;
    }
    if (table.peers.some(({ reach }) => STARTING_REACHES.includes(reach))) {
      const reason = `The daemon of ${table.file} has polled its servers three times or less, and follows none yet; run ntpq -pn again in ten minutes.`;
      yield insufficientData(subject, reason);
      continue;
    }
    yield statedProblem(evidence, {
      subject,
      severity: 'warning',
      title: 'Host not synchronised to any time server',
      explanation:
        `No line of ntpq (${table.file}) begins with *: the host follows none of its ${table.peers.length} time servers. ` +
        `${table.peers.slice(0, 4).map(peerWords).join('; ')}.`,
      where: 'receiver',
      counts: { answers: 0, unsynchronised: table.peers.length, clients: 1 },
      ...packetsOf(evidence, table.peers),
    });
  }
}

/** `time.ntp-offset`: the peer that is followed is far off. */
export function* offsetByNtpq(evidence: Evidence): Generator<Judgement> {
  for (const table of evidence.side.of(ntpqTables)) {
    const peer = systemPeer(table);
    if (peer === null) continue;
    if (Math.abs(peer.offsetMs) <= OFFSET_MS) yield { result: 'healthy', subject: hostSubject(table) };
    else {
      yield statedProblem(evidence, {
        subject: hostSubject(table),
        severity: 'warning',
        explanation: `ntpq (${table.file}, ${peer.origin.place}) says that the clock of the host differs from ${peer.remote}, which it follows, by ${peer.offsetMs} ms.`,
        where: 'sender',
        counts: { exchanges: 1, off: 1, servers: 1, offsetMilliseconds: Math.round(peer.offsetMs) },
        ...packetsOf(evidence, [peer]),
      });
    }
  }
}

/** `time.ntp-no-response`: a server did not answer one of the last eight polls, while another one is followed. */
export function* silentByNtpq(evidence: Evidence): Generator<Judgement> {
  for (const table of evidence.side.of(ntpqTables)) {
    if (systemPeer(table) === null) continue;
    for (const peer of table.peers) {
      const subject = { ...hostSubject(table), server: peer.remote };
      if (peer.reach > 0) yield { result: 'healthy', subject };
      else {
        yield statedProblem(evidence, {
          subject,
          severity: 'info',
          explanation: `ntpq (${table.file}, ${peer.origin.place}): ${peerWords(peer)}. Another server is followed.`,
          where: 'unknown',
          counts: { requests: POLLS, hosts: 1 },
          ...packetsOf(evidence, [peer]),
        });
      }
    }
  }
}

function peerWords({ remote, referenceId, stratum, reach, pollSeconds, offsetMs, tally }: NtpqPeer): string {
  if (reach === 0) {
    const never = referenceId.startsWith('.') ? `, ${referenceId}` : '';
    return `${remote} answered none of the last ${POLLS} polls (one every ${pollSeconds} s${never}): UDP 123 is blocked, or it is down`;
  }
  if (stratum >= STRATUM_UNSYNCHRONISED) return `${remote} is not synchronised itself (stratum ${stratum})`;
  if (Math.abs(offsetMs) > OFFSET_MS) return `${remote} is ${offsetMs} ms away from the clock of the host`;
  return tally === 'x' ? `${remote} is taken for a false ticker` : `${remote} answers and is not chosen`;
}

/** Where the capture has packets of these servers, they are cited. */
function packetsOf(evidence: Evidence, peers: readonly NtpqPeer[]): Partial<Problem> {
  const remotes = new Set(peers.map(({ remote }) => remote));
  const seen = evidence.sessions(ntpAssociations).filter(({ server }) => remotes.has(server));
  const first = seen[0]?.first;
  if (!first) return { displayFilter: 'ntp' };
  return {
    first,
    evidence: [{ ...first, summary: `first packet between ${seen[0].client} and ${seen[0].server}` }],
    displayFilter: 'ntp',
  };
}
