import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Judgement, thresholdsOf } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import ethernetSettings from '../side-files/ethernet-settings.js';
import linkCounters, { type LinkCounters } from '../side-files/link-counters.js';

const ID = 'host.link-errors';
const FAULTS_MIN = 10;
const SHARE_PERCENT = 1;
const SHOWN = 4;

export default defineDiagnosis({
  id: ID,
  title: 'Interface of the host loses packets',
  severity: 'warning',
  subject: 'host',
  layer: 'link',
  priority: 2,
  lines: 'suffice',
  rule:
    'Counters of an interface are given (--log, ip -s link or ethtool -S): at least 10 packets, and 1 % of those in the same direction, ended as errors or drops. ' +
    'Of several outputs for one interface the growth from the first to the last counts, else all since the interface exists (with less confidence).',
  notWhen: 'Between two outputs the counters of errors and drops stand still, whatever they were before.',
  causes: [
    'RX errors, crc, frame: a bad cable, transceiver or port, or one end at half duplex',
    'RX dropped, missed, overrun, no buffer: the host is too slow for what arrives, or its receive ring is short',
    'TX dropped at a tap: the virtual machine does not take its packets; TX carrier: the cable or the other end is gone',
  ],
  nextSteps: [
    'Read the counters twice while the traffic fails, and give both: ip -s link show DEVICE',
    'ethtool DEVICE (speed, duplex, link detected); ethtool -S DEVICE names the counters of the card',
    'Overruns: ethtool -g DEVICE, then ethtool -G DEVICE rx SIZE; errors of the link: another cable or port',
  ],
  refutedBy: 'A later output in which errors and drops do not grow.',
  source: 'MidoNet guide (hardware and cabling, counters of taps); ip-link(8), ethtool(8)',
  thresholds: {
    faults: [FAULTS_MIN, 'packets', 'single drops are normal', 'adjustable'],
    share: [
      SHARE_PERCENT,
      '%',
      'a loss that connections notice; frames of unknown protocols count as dropped too',
      'adjustable',
    ],
  },
  fault: 'path-loss',
  *diagnose(evidence): Generator<Judgement> {
    const limits = thresholdsOf(evidence, ID, { faults: FAULTS_MIN, share: SHARE_PERCENT });
    const settings = evidence.side.of(ethernetSettings);
    for (const counted of grown(evidence.side.of(linkCounters))) {
      const { link, origin, isDifference } = counted;
      const subject = { kind: 'host', interface: link, file: origin.file };
      const notable = counted.faults.filter(
        ({ count, of }) => count >= limits.faults && 100 * count >= limits.share * of,
      );
      if (notable.length === 0) {
        yield { result: 'healthy', subject };
        continue;
      }
      const words = notable.slice(0, SHOWN).map(({ name, count, of }) => `${count} ${name} of ${of} packets`);
      const half = settings.find((one) => one.link === link && one.isHalfDuplex);
      yield statedProblem(evidence, {
        subject,
        severity: isDifference ? 'warning' : 'info',
        confidence: isDifference ? 'high' : 'low',
        explanation:
          `${link} (${originText(origin)}) counts ${words.join(', ')} ${isDifference ? 'between the outputs' : 'since it exists'}.` +
          (half ? ` It runs at half duplex (${originText(half.origin)}): both ends must be set alike.` : ''),
        where: 'unknown',
        counts: { faults: notable.reduce((sum, { count }) => sum + count, 0) },
      });
    }
  },
});

interface Growth {
  readonly link: string;
  readonly origin: LinkCounters['origin'];
  readonly isDifference: boolean;
  readonly faults: readonly { readonly name: string; readonly count: number; readonly of: number }[];
}

/** Counters that became smaller were set back: then the last output stands alone. */
function grown(all: readonly LinkCounters[]): Growth[] {
  const byLink = new Map<string, LinkCounters[]>();
  for (const one of all) {
    // The two programs count differently: an output of each is no earlier and later one.
    const key = `${one.link} ${[...one.faults.keys()].sort().join()}`;
    addTo(byLink, key, one);
  }
  return [...byLink.values()].map((outputs) => {
    const last = outputs[outputs.length - 1];
    const [first] = outputs;
    const isDifference =
      outputs.length > 1 &&
      first.receivedPackets <= last.receivedPackets &&
      first.sentPackets <= last.sentPackets;
    const before = (count: number | undefined): number => (isDifference ? (count ?? 0) : 0);
    const received = last.receivedPackets - before(first.receivedPackets);
    const sent = last.sentPackets - before(first.sentPackets);
    const faults = [...last.faults].map(([name, count]) => {
      const grownBy = Math.max(0, count - before(first.faults.get(name)));
      return { name, count: grownBy, of: (/^rx/i.test(name) ? received : sent) + grownBy };
    });
    return { link: last.link, origin: last.origin, isDifference, faults };
  });
}
