import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import type { Conversation, OneWayTraffic, PairTraffic } from '../../../src/correlate/traffic.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { type PacketClass, serviceWord } from '../../../src/diagnose/packet-class.js';
import type { FrameRef } from '../../../src/moment.js';
import { originText } from '../../../src/side-files/origin.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import datapathFlows, { type DatapathFlow } from '../side-files/datapath-flows.js';
import { citations } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'midonet.flow-drop',
  title: 'Datapath drops the flow',
  severity: 'info',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule: 'The flows of a datapath are given (--log, mm-dpctl --dump-dp). One without actions, which drops what it matches, has the addresses, protocol and ports of packets in the capture.',
  notWhen: 'The flow names no IP addresses, no packet of the capture has them, or the packets are answered.',
  causes: [
    'A security group or a rule of a chain of the virtual network drops the packets, as it should',
    'The simulation found no route or no port behind the destination',
  ],
  nextSteps: [
    'Look at the security groups of both ports and at the chains of the bridge or router in between',
    'Trace one packet through the simulation: mm-trace add --ip-src SOURCE --ip-dst DESTINATION',
  ],
  refutedBy: 'A later dump in which the flow has actions.',
  source: 'MidoNet guide, datapath (mm-dpctl --dump-dp) and security groups',
  fault: 'policy',
  technology: 'midonet',
  *diagnose({ side, quality }) {
    for (const flow of side.of(datapathFlows)) {
      if (!flow.isDrop || flow.source === null || flow.destination === null) continue;
      for (const pair of quality.traffic.all()) {
        for (const conversation of pair.conversations) yield* judge(flow, pair, conversation);
      }
    }
  },
});

function* judge(flow: DatapathFlow, pair: PairTraffic, conversation: Conversation): Iterable<Judgement> {
  const { source, destination } = flow;
  if (source === null || destination === null) return;
  const isForth = pair.a === source && pair.b === destination;
  if (!isForth && !(pair.b === source && pair.a === destination)) return;
  const [sent, answers]: readonly OneWayTraffic[] = isForth
    ? [conversation.fromA, conversation.fromB]
    : [conversation.fromB, conversation.fromA];
  const [sourcePort, destinationPort] = isForth
    ? [conversation.portOfA, conversation.portOfB]
    : [conversation.portOfB, conversation.portOfA];
  const fits =
    sent.packets > 0 &&
    (flow.protocol === null || flow.protocol === conversation.protocol) &&
    (flow.sourcePort === null || flow.sourcePort === sourcePort) &&
    (flow.destinationPort === null || flow.destinationPort === destinationPort);
  const first = earliest([sent.first]);
  const last = latest([sent.last]);
  if (!fits || !first || !last) return;
  if (answers.packets > 0) {
    yield {
      result: 'healthy',
      subject: { kind: 'session', source, destination, sourcePort, destinationPort },
    };
    return;
  }
  yield problem(flow, {
    service: serviceOf(pair, isForth, conversation.protocol, destinationPort),
    source,
    destination,
    sourcePort,
    destinationPort,
    packets: sent.packets,
    first,
    last,
  });
}

/**
 * All packets to the service: the datapath is asked at one moment, and attempts before and after it, from other ports,
 * get flows of their own.
 */
function serviceOf(
  { conversations }: PairTraffic,
  isForth: boolean,
  protocol: number,
  port: number,
): PacketClass {
  let [lost, delivered] = [0, 0];
  for (const one of conversations) {
    if (one.protocol !== protocol || (isForth ? one.portOfB : one.portOfA) !== port) continue;
    const [sent, answers] = isForth ? [one.fromA, one.fromB] : [one.fromB, one.fromA];
    if (answers.packets === 0) lost += sent.packets;
    else delivered += sent.packets;
  }
  return { of: port > 0 ? [serviceWord(protocol, port)] : [], lost, delivered };
}

interface Dropped {
  readonly service: PacketClass;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

function problem(flow: DatapathFlow, dropped: Dropped): Judgement {
  const { service, source, destination, sourcePort, destinationPort, packets, first, last } = dropped;
  const port = destinationPort > 0 ? ` port ${destinationPort}` : '';
  return {
    result: 'problem',
    subject: { kind: 'session', source, destination, sourcePort, destinationPort },
    severity: 'info',
    confidence: 'high',
    explanation: `The datapath has a flow without actions (${originText(flow.origin)}) for packets from ${source} to ${destination}${port}${tunnelWords(flow)}: it drops them. ${packets} are in the capture.`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'path',
    first,
    last,
    ongoingAtEnd: true,
    counts: { packets },
    packets: service,
    evidence: citations([first, 'first packet of the flow'], [last, 'last packet of the flow']),
    displayFilter: addressFilter(source, destination),
  };
}

/** Of packets that come out of a tunnel. */
function tunnelWords({ tunnel }: DatapathFlow): string {
  return tunnel === null
    ? ''
    : `, out of the tunnel ${tunnel.source} to ${tunnel.destination} with key ${tunnel.key}`;
}
