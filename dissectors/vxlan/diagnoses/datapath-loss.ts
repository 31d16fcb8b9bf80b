import { defineDiagnosis, type Judgement, thresholdsOf } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import datapaths, { type Datapath, type DatapathPort } from '../side-files/datapath.js';

const ID = 'midonet.datapath-loss';
const PACKETS_MIN = 10;
const SHARE_PERCENT = 1;
/** Ports of virtual machines; those of tunnels are judged by overlay.counter-one-way. */
const MACHINE_PORT = 'netdev';

export default defineDiagnosis({
  id: ID,
  title: 'Datapath loses packets',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  lines: 'suffice',
  rule:
    'The counters of a datapath are given (--log, mm-dpctl --show-dp): at least 10 packets, and 1 % of those that had no flow, were lost on the way to the agent (Lost). Or: at a port of a virtual machine (NetDev, tap…) ' +
    'at least 10 packets, and 1 % of those in the same direction, ended as errors or drops. Of two outputs for one datapath the growth counts, else all since it exists (with less confidence).',
  notWhen: 'Between two outputs the counters stand still, whatever they were before.',
  causes: [
    'The agent does not keep up with packets that have no flow yet: too many new connections, a long pause of its Java machine, or a simulation that waits for ZooKeeper',
    'Drops at a tap: the virtual machine is paused, overloaded, or its receive queue is too short',
  ],
  nextSteps: [
    'mm-dpctl --show-dp midonet, twice while the traffic fails, and give both files',
    'Lost grows: /var/log/midolman/midolman.log on that host (pauses, sessions of ZooKeeper), top: does midolman use all of a core?',
    'A tap drops: watch -d ip -s link show TAP; the name ends in the first 11 characters of the port UUID',
  ],
  refutedBy: 'A later output in which Lost and the drops do not grow.',
  source: 'MidoNet guide (MidoNet datapath: Lost; ports with errors and drops; counters of taps)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'single losses are normal', 'adjustable'],
    share: [SHARE_PERCENT, '%', 'a loss that connections notice', 'adjustable'],
  },
  fault: 'path-loss',
  technology: 'midonet',
  *diagnose(evidence): Generator<Judgement> {
    const limits = thresholdsOf(evidence, ID, { packets: PACKETS_MIN, share: SHARE_PERCENT });
    for (const loss of lossesOf(evidence.side.of(datapaths))) {
      const { datapath, port, words, place, count, of, isDifference } = loss;
      const subject = { kind: 'host', datapath, ...(port === null ? {} : { interface: port }) };
      if (count < limits.packets || 100 * count < limits.share * of) {
        yield { result: 'healthy', subject };
        continue;
      }
      yield statedProblem(evidence, {
        subject,
        severity: isDifference ? 'warning' : 'info',
        confidence: isDifference ? 'high' : 'low',
        explanation: `${words} ${isDifference ? 'between the two outputs' : 'since the start of the datapath'} (${place}).`,
        where: 'unknown',
        counts: { lost: count, packets: of },
      });
    }
  },
});

interface Loss {
  readonly datapath: string;
  /** Null: on the way to the agent. */
  readonly port: string | null;
  readonly words: string;
  readonly place: string;
  readonly count: number;
  readonly of: number;
  readonly isDifference: boolean;
}

function* lossesOf(all: readonly Datapath[]): Generator<Loss> {
  for (const datapath of new Set(all.map(({ name }) => name))) {
    const outputs = all.filter(({ name }) => name === datapath);
    const [first] = outputs;
    const last = outputs[outputs.length - 1];
    if (last.lost !== null) yield ofAgent(datapath, outputs.length > 1 ? first : null, last);
    for (const port of last.ports) {
      if (port.type.toLowerCase() !== MACHINE_PORT) continue;
      const before = outputs.length > 1 ? first.ports.find(({ name }) => name === port.name) : undefined;
      yield* ofPort(datapath, before ?? null, port);
    }
  }
}

function ofAgent(datapath: string, first: Datapath | null, last: Datapath): Loss {
  const [lost, misses, hits] = [last.lost ?? 0, last.misses ?? 0, last.hits ?? 0];
  const isDifference = first?.lost !== undefined && first.lost !== null && first.lost <= lost;
  const [lostBefore, missesBefore, hitsBefore] = isDifference
    ? [first.lost ?? 0, first.misses ?? 0, first.hits ?? 0]
    : [0, 0, 0];
  const count = lost - lostBefore;
  const of = Math.max(count, misses - missesBefore);
  return {
    datapath,
    port: null,
    words: `The datapath ${datapath} lost ${count} of ${of} packets that had no flow, on their way to the agent (${hits - hitsBefore} others found a flow),`,
    place: last.file,
    count,
    of,
    isDifference,
  };
}

function* ofPort(datapath: string, first: DatapathPort | null, last: DatapathPort): Generator<Loss> {
  const isDifference =
    first !== null && first.receivedPackets <= last.receivedPackets && first.sentPackets <= last.sentPackets;
  const grown = (field: Counter): number => last[field] - (isDifference ? first[field] : 0);
  const place = originText(last.origin);
  const common = { datapath, port: last.name, place, isDifference };
  const received = grown('receiveErrors') + grown('receiveDrops');
  const sent = grown('sendErrors') + grown('sendDrops');
  const isReceive = received >= sent;
  const count = isReceive ? received : sent;
  const of = grown(isReceive ? 'receivedPackets' : 'sentPackets') + count;
  const way = isReceive ? 'from the virtual machine' : 'to the virtual machine';
  yield {
    ...common,
    words: `At port ${last.name} ${count} of ${of} packets ${way} ended as errors or drops`,
    count,
    of,
  };
}

type Counter =
  | 'receivedPackets'
  | 'sentPackets'
  | 'receiveErrors'
  | 'sendErrors'
  | 'receiveDrops'
  | 'sendDrops';
