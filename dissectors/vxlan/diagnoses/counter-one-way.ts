import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { originText } from '../../../src/side-files/origin.js';
import datapaths, { type Datapath, type DatapathPort } from '../side-files/datapath.js';
import { citations } from '../tunnel-subject.js';

const ID = 'overlay.counter-one-way';
const SENT_MIN = 10;
const FAULT_SHARE = 0.01;
const KINDS: readonly string[] = ['gre', 'vxlan', 'geneve'];

export default defineDiagnosis({
  id: ID,
  title: 'Tunnel counters grow one way only',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'The counters of a datapath are given (--log, mm-dpctl --show-dp), and a tunnel port (Gre, VXLan) has sent at least 10 packets and received none, or at least 1 % of its packets, ' +
    'and at least 10, ended as errors or drops. Of two outputs for one datapath the difference counts.',
  notWhen: 'No counters are given, or the tunnel port is not in use.',
  causes: [
    'A firewall on the way drops the tunnel protocol in one direction',
    'The other hosts are in another tunnel zone or use another tunnel protocol',
    'The receiving host drops the packets before the datapath counts them (iptables, wrong port)',
  ],
  nextSteps: [
    'Read the counters twice, some seconds apart, and give both files: mm-dpctl --show-dp midonet',
    'Capture on the underlay of both hosts: tcpdump -n -s 0 -w HOST.pcap "proto gre or udp port 6677 or udp port 4789 or icmp"',
    'On the receiving host: iptables -L -v -n',
  ],
  refutedBy: 'A later output in which the received packets grow.',
  source: 'MidoNet guide, overlay network (packets over the tunnel interface, no errors or drops)',
  thresholds: {
    sent: [SENT_MIN, 'packets', 'a few packets may have had no answer to get', 'adjustable'],
    faultShare: [
      FAULT_SHARE,
      'share',
      'a counter grows since the start; single drops are normal',
      'adjustable',
    ],
  },
  fault: 'tunnel-one-way',
  technology: 'vxlan',
  *diagnose(evidence) {
    for (const port of tunnelPorts(evidence.side.of(datapaths))) {
      if (port.sentPackets + port.receivedPackets > 0) yield judge(evidence, port);
    }
  },
});

/** A port as the newest output has it, less what an older one of the same datapath had. */
interface CountedPort extends DatapathPort {
  readonly datapath: string;
  readonly isDifference: boolean;
}

function tunnelPorts(given: readonly Datapath[]): CountedPort[] {
  const byName = new Map<string, { readonly datapath: string; readonly port: DatapathPort }[]>();
  for (const { name, ports } of given) {
    for (const port of ports) {
      if (kindOf(port.type) === undefined) continue;
      const key = `${name} ${port.name}`;
      addTo(byName, key, { datapath: name, port });
    }
  }
  return [...byName.values()].map((outputs) => {
    const { datapath, port } = outputs[outputs.length - 1];
    const [earlier] = outputs;
    const isDifference = outputs.length > 1 && earlier.port.sentPackets <= port.sentPackets;
    return { ...(isDifference ? difference(port, earlier.port) : port), datapath, isDifference };
  });
}

function difference(later: DatapathPort, earlier: DatapathPort): DatapathPort {
  return {
    ...later,
    receivedPackets: later.receivedPackets - earlier.receivedPackets,
    sentPackets: later.sentPackets - earlier.sentPackets,
    receiveErrors: later.receiveErrors - earlier.receiveErrors,
    sendErrors: later.sendErrors - earlier.sendErrors,
    receiveDrops: later.receiveDrops - earlier.receiveDrops,
    sendDrops: later.sendDrops - earlier.sendDrops,
  };
}

function judge(evidence: Evidence, port: CountedPort): Judgement {
  const { datapath, name, type, sentPackets, receivedPackets, isDifference, origin } = port;
  const subject = { kind: 'tunnel', datapath, port: name };
  const faults = port.receiveErrors + port.sendErrors + port.receiveDrops + port.sendDrops;
  const limits = thresholdsOf(evidence, ID, { sent: SENT_MIN, faultShare: FAULT_SHARE });
  const isOneWay = sentPackets >= limits.sent && receivedPackets === 0;
  const isFaulty = faults >= limits.sent && faults >= limits.faultShare * (sentPackets + receivedPackets);
  if (!isOneWay && !isFaulty) return { result: 'healthy', subject };
  const refs = packetsOf(evidence, type);
  const window = evidence.quality.window(0);
  const at = refs[0] ?? window?.first ?? { segment: 0, timeNs: Number.NaN };
  const span = isDifference ? 'between the two outputs' : 'since the start of the datapath';
  return {
    result: 'problem',
    subject,
    confidence: isDifference ? 'high' : 'medium',
    explanation:
      `The tunnel port ${name} (${type}, ${originText(origin)}) sent ${sentPackets} and received ${receivedPackets} packets ${span}` +
      `${faults > 0 ? `, with ${faults} errors and drops` : ''}.`,
    where: 'unknown',
    first: momentOf(at),
    last: momentOf(refs[1] ?? window?.last ?? at),
    ongoingAtEnd: true,
    counts: { sent: sentPackets, received: receivedPackets, faults },
    evidence: citations(
      [refs[0], `first ${type} packet of the capture`],
      [refs[1], `last ${type} packet of that pair`],
    ),
    displayFilter: filterOf(evidence.quality, type),
  };
}

/** First and last packet of one pair of hosts that use the tunnel protocol. */
function packetsOf({ quality: { traffic, protocols } }: Evidence, type: string): FrameRef[] {
  for (const { conversations } of traffic.all()) {
    const found = conversations.find((one) => protocols.carries(one, kindOf(type)));
    const sent = found === undefined ? null : found.fromA.packets > 0 ? found.fromA : found.fromB;
    if (sent?.first && sent.last) return [sent.first, sent.last];
  }
  return [];
}

/** Kind of tunnel of a port of the datapath: `VXLan`, `Gre`. */
function kindOf(type: string): string | undefined {
  return KINDS.find((kind) => type.toLowerCase().startsWith(kind));
}

function filterOf({ protocols }: CaptureQuality, type: string): string {
  const kind = kindOf(type) ?? '';
  const filters = [...protocols.portsOf(kind)].sort((a, b) => a - b).map((port) => `udp.port == ${port}`);
  return kind === 'gre' ? 'gre || (ip.proto == 47)' : filters.join(' || ');
}
