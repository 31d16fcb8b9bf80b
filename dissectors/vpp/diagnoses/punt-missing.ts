import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { vppTraces } from '../correlator.js';
import { countOf, decisionWords, faultFields, healthy, serviceOf, shareWords } from '../flow-words.js';
import { isPuntMissing } from '../punting.js';

export default defineDiagnosis({
  id: 'vpp.punt-missing',
  title: 'Packet for the host is not punted',
  severity: 'warning',
  subject: 'flow',
  layer: 'underlay',
  priority: 2,
  rule: "A TCP or UDP packet for an address of the node (VPP takes it for local delivery, or punts other packets to it) ends in a drop or an ICMP error, and its path has neither a punt node nor the host's tap interface.",
  notWhen:
    'VPP terminates the protocol itself (BFD, IKE, VXLAN, Geneve, GTP-U, WireGuard, DHCP, ICMP), or nothing in the trace shows that this VPP punts at all.',
  causes: [
    'Punting is not configured for the protocol or port, or was lost at a restart',
    "The address is not the node's any more: VPP and the host disagree about it",
    'A policy of the host endpoint denies it before it is punted',
  ],
  nextSteps: [
    'vppctl show ip punt redirect; vppctl show tap tap0: is the redirect there, and is tap0 up?',
    'On the host: tcpdump -ni <uplink name> host <address>: does the packet arrive there?',
    'Log of the Calico VPP agent (calivppctl log -agent NODE) for errors when punting was set up',
  ],
  refutedBy: 'The packet arrives on the tap interface of the host in a capture there.',
  source: 'Calico VPP troubleshooting guide (traffic to the kubelet); VPP: ip4-punt, ip4-punt-redirect',
  fault: 'unreachable',
  explicitSignal: true,
  *diagnose(evidence) {
    const { protocols } = evidence.quality;
    for (const trace of evidence.sessions(vppTraces)) {
      for (const flow of trace.flows) {
        const faults = flow.faults.filter((fault) => isPuntMissing(protocols, trace, flow, fault));
        if (faults.length === 0) {
          const isForHost = trace.puntedTo.has(flow.destination) || trace.ownAddresses.has(flow.destination);
          if (trace.hasPunt && isForHost) yield healthy(flow);
          continue;
        }
        const lost = countOf(faults);
        const decisions = faults.map(decisionWords).join('; ');
        yield {
          ...faultFields(trace, flow, faults),
          severity: flow.through === 0 ? 'warning' : 'info',
          confidence: trace.puntedTo.has(flow.destination) ? 'high' : 'medium',
          explanation:
            `${shareWords(flow, lost)} are for an address of the node, but are not handed to the host: ${decisions}; ` +
            'no punt node and no tap0 is on their path.',
          where: 'receiver',
          packets: { of: [...serviceOf(flow), 'local'], lost, delivered: flow.through },
          counts: { notPunted: lost, packets: flow.packets },
        };
      }
    }
  },
});
