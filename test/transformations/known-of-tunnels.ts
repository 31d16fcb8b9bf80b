import { ASKS_AGAIN, type KnownViolation, NOTHING_BACK, WRAPS } from './known-violation.js';

/* Of captures of real tunnels. */

const TRANSFER_OVER =
  'a transfer takes no longer than the frames are out of order: segments behind later ones read as sent again';
const OF_PART = 'of the part that is left less was answered, and shares of it are larger';
const OUTER_FILTER =
  'what else was captured shows that a filter on ports kept fragments out: a part of it does not, and inside a tunnel a filter hides none';

export const KNOWN_OF_TUNNELS: readonly KnownViolation[] = [
  {
    captures: ['lab/bgp-hold-timer-expired/b.pcapng'],
    in: ['shuffled within a millisecond'],
    id: 'tcp.reset',
    why: 'a RST that stands before what it answers ends nothing; a remark',
  },
  {
    captures: [
      'lab/compare-truncated/b.pcap',
      'lab/latency-healthy/b.pcap',
      'lab2/vxlan-ecmp-bucket/a.pcap',
      'lab2/vxlan-ecmp-bucket/b.pcap',
    ],
    in: ['shuffled within a millisecond'],
    id: 'tcp.retransmissions',
    why: TRANSFER_OVER,
  },
  {
    captures: ['lab/compare-loss-exact/b.pcap'],
    in: ['shuffled within a millisecond'],
    id: 'capture.kernel-drops',
    why: 'handshake and first answers take a third of what the frames are out of order: their ACKs stand before what they acknowledge',
  },
  ...['underlay.port-bucket-loss', 'tcp.syn-unanswered', 'capture.kernel-drops'].map((id) => ({
    captures: ['lab2/vxlan-ecmp-bucket/a.pcap'],
    in: ['shuffled within a millisecond'],
    id,
    why: TRANSFER_OVER,
  })),
  ...['ike.v2-request-unanswered', 'frag.missing-rest'].map((id) => ({
    captures: ['field/07-algo305-ike-auth-ip-fragments/server-b.pcap'],
    in: WRAPS,
    id,
    why: OUTER_FILTER,
  })),
  {
    captures: ['field/07-algo305-ike-auth-ip-fragments/server-b.pcap'],
    in: ['begun later', 'ended earlier'],
    id: 'frag.missing-rest',
    why: OUTER_FILTER,
  },
  {
    captures: ['lab2/esp-nat-timeout/b.pcap'],
    in: ['ended earlier'],
    id: 'natt.keepalive-missing',
    why: OF_PART,
  },
  {
    captures: [
      'field/06-libreswan1623-cellular-4500/server.pcap',
      'field/07-algo305-ike-auth-ip-fragments/server.pcap',
    ],
    in: WRAPS,
    id: 'ike.natt-4500-blocked',
    why: 'a filter on port 500 may have left port 4500 out; inside a tunnel it would have left out both',
  },
  {
    captures: ['lab/keepalive-gap/b-underlay.pcap'],
    in: ['begun later', 'ended earlier'],
    id: 'openvpn.loss',
    why: OF_PART,
  },
  {
    captures: [
      'field/01-calico3145-vxlan-bad-outer-csum/receiver.pcap',
      'field/29-calico4511-ipip-dropped-on-destination/destination.pcap',
      'field/29-calico4511-ipip-dropped-on-destination/source.pcap',
      'lab/vxlan-one-way/a-inner.pcap',
    ],
    in: ['begun later'],
    id: 'tcp.syn-unanswered',
    why: OF_PART,
  },
  {
    captures: [
      'lab/vxlan-gbp-denied/a-inner.pcap',
      'lab/vxlan-gbp-denied/a.pcap',
      'lab/vxlan-gbp-denied/b.pcap',
    ],
    in: ['ended earlier'],
    id: 'tcp.syn-unanswered',
    why: OF_PART,
  },
  {
    captures: ['lab2/esp-one-of-three-sas/a.pcap'],
    in: ['begun later'],
    id: 'esp.one-way-spi',
    why: 'which of the SAs belong together is told by their beginnings, and no judgement says so',
  },
  {
    captures: ['lab2/vxlan-ecmp-bucket/a.pcap'],
    in: ['one frame in a hundred dropped'],
    id: 'tcp.syn-unanswered',
    why: 'the capture dropped answers, and says of how many packets, not of which',
  },
  {
    captures: ['lab/vxlan-loss-burst/a.pcap', 'field/23-nsm1148-inner-fragments/receiver.pcap'],
    in: ['one frame in a hundred dropped'],
    id: 'underlay.ping-loss',
    why: 'more pings were lost than the capture dropped, and what explains them cannot tell its loss from that of the capture',
  },
  {
    captures: ['lab/mixed-esp-one-way/a.pcap'],
    in: ['the other direction'],
    id: 'esp.loss',
    why: 'the gaps are as they were; that the tunnel is one way, which explained them, is in the other direction',
  },
  {
    captures: ['lab/vxlan-loss-burst/b.pcap', 'lab/vxlan-one-way/b.pcapng'],
    in: ['the other direction'],
    id: 'vxlan.no-return',
    why: NOTHING_BACK,
  },
  {
    captures: ['field/01-calico3145-vxlan-bad-outer-csum/receiver.pcap'],
    in: ['the other direction'],
    id: 'tcp.syn-unanswered',
    why: 'the checksums of the answers, which explain it, are in the other direction',
  },
  {
    captures: ['field/06-libreswan1623-cellular-4500/server-5-attempts-unfiltered.pcap'],
    in: ['one direction'],
    id: 'ike.retry-loop',
    why: ASKS_AGAIN,
  },
  {
    captures: ['field/22-quantum-gre-pmtu-ignored/netnode-ext.pcap'],
    in: ['the other direction'],
    id: 'tcp.retransmissions',
    why: 'the ICMP errors that are ignored, which explain it, are in the other direction',
  },
  {
    captures: ['lab/app-slow/a.pcap', 'lab/app-slow/b-back.pcap', 'lab/app-slow/b.pcap'],
    in: ['shuffled within a millisecond'],
    id: 'app.slow-response',
    why: 'a request that stands behind its answer in the file is not paired with it',
  },
  {
    captures: ['lab/vxlan-one-way/a-inner.pcap'],
    in: ['one direction'],
    id: 'tcp.syn-unanswered',
    why: 'a client that asks again says the same whether it is refused or not heard',
  },
  {
    captures: ['field/17-openvpn374-wrong-source-reply/client.pcap'],
    in: ['one direction'],
    id: 'openvpn.no-response',
    why: ASKS_AGAIN,
  },
];
