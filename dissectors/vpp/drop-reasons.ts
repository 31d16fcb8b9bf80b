/*
 * What is behind the reasons that VPP gives. Releases print either the description or the name of a counter.
 */

interface Behind {
  readonly reason: RegExp;
  readonly cause: string;
  readonly nextStep: string;
}

const REASONS: readonly Behind[] = [
  {
    reason: /destination lookup miss|dst_lookup_miss/i,
    cause: 'No route to the destination in the table of the receiving interface, or a route that says drop',
    nextStep: 'vppctl show ip fib ADDRESS (and show ip6 fib); with the table of the interface: show int addr',
  },
  {
    reason: /source lookup miss|src_lookup_miss|rpf|spoofed/i,
    cause:
      'Reverse path check: the source address is not reached through the interface that received the packet',
    nextStep: 'vppctl show ip fib SOURCE: its interface must be the receiving one; show urpf',
  },
  {
    reason: /ttl <= 1|time_expired|hop limit/i,
    cause:
      'The packet ran in a circle between two routers, or was sent with a small TTL on purpose (traceroute)',
    nextStep: 'vppctl show ip fib ADDRESS on each node of the path: does a route point back?',
  },
  {
    reason: /deny|denied|acl|polic|blocked/i,
    cause: 'A policy or access list denies it',
    nextStep:
      'vppctl show capo policies (Calico) or show acl-plugin acl; compare with kubectl get networkpolicy -A',
  },
  {
    reason: /checksum/i,
    cause:
      'The checksum is wrong: offload of the sending interface leaves it open, and the receiving one does not know',
    nextStep: 'vppctl show hardware-interfaces (offloads); in the pod: ethtool -K eth0 tx off, and try again',
  },
  {
    reason: /interface is down|interface_down|admin down|link down/i,
    cause: 'The egress interface is down',
    nextStep: 'vppctl show int; vppctl set interface state INTERFACE up',
  },
  {
    reason: /length/i,
    cause: 'The lengths of the headers contradict what arrived: a cut or padded packet',
    nextStep: 'Capture the packet at its sender and compare the lengths',
  },
  {
    reason: /reassembl|fragment/i,
    cause: 'Fragments could not be put together: one was lost, or too many are waiting',
    nextStep: 'vppctl show ip4-full-reassembly, show ip4-sv-reassembly; look where fragments get lost',
  },
  {
    reason: /unknown.*protocol|listener|no_listener/i,
    cause: 'The packet is for VPP itself, and nobody in VPP takes that protocol or port',
    nextStep: 'vppctl show udp ports, show ip punt redirect: should it go to the host instead?',
  },
  {
    reason: /arp|neighbor|glean|incomplete/i,
    cause: 'The next hop does not answer ARP or neighbour solicitations',
    nextStep: 'vppctl show ip neighbors; ping the next hop from VPP: vppctl ping ADDRESS',
  },
];

/** Causes of a reason, with what is said by the node that decided where the reason is not known. */
export function causesBehind(reason: string, node: string): { causes: string[]; nextSteps: string[] } {
  const words = `${reason} ${node}`;
  const known = REASONS.filter(({ reason: pattern }) => pattern.test(words));
  const byNode =
    known.length === 0 && /lookup/.test(node)
      ? REASONS.filter(({ cause }) => cause.startsWith('No route'))
      : known;
  return {
    causes: byNode.map(({ cause }) => cause),
    nextSteps: byNode.map(({ nextStep }) => nextStep),
  };
}

/** VPP has nobody who takes the packet; not a fault of forwarding. */
export function isNotListened(reason: string): boolean {
  return /listener|unknown(?: ip)?[ _]protocol|port unreachable/i.test(reason);
}
