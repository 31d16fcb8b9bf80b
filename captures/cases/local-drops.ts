import { bgpKeepalive, bgpNotification, bgpOpen } from '../../test/build/bgp.js';
import { writePcap } from '../../test/build/capture-file.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { LINK_TYPE, linuxSll2 } from '../../test/build/link.js';
import type { LinkFraming, Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, surroundings } from './sites.js';
import { TcpTalk } from './tcp-talk.js';

const { local, peer } = PUBLIC_SITE;
const HOLD_SECONDS = 15;
const DROPPED_FROM = 22;

/** `-i any` on the local host: the capture itself says which frames came in. */
export const cookedAtLocal: LinkFraming = (from, to, protocol, payload) => {
  const isBroadcast = to.mac === 'ff:ff:ff:ff:ff:ff';
  const packetType = from.mac === local.mac ? 4 : isBroadcast ? 1 : 0;
  return [linuxSll2({ packetType, address: from.mac, protocol, payload, interfaceIndex: 2 })];
};

/** From second 20 on the local host drops what the peer sends, behind the capture point; `damage` may say why. */
export function bgpDroppedHere(
  name: string,
  framing?: LinkFraming,
  damage: (segment: Uint8Array) => void = () => {},
): Timeline {
  const t = namedTimeline(name, framing);
  surroundings(t, PUBLIC_SITE, 50);
  const talk = new TcpTalk(
    {
      client: { address: local.address, port: 41_022 },
      server: { address: peer.address, port: 179 },
      roundTripSeconds: 0.012,
    },
    (at, side, segment) => {
      if (side === 'server' && at > DROPPED_FROM) damage(segment);
      const [source, destination] = side === 'client' ? [local, peer] : [peer, local];
      t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    },
    { client: t.random.next(), server: t.random.next() },
  );
  const say = (at: number, from: 'client' | 'server', bytes: Uint8Array): void => {
    talk.segment(at, from, ['PSH', 'ACK'], bytes);
    talk.segment(at + 0.006, from === 'client' ? 'server' : 'client', ['ACK']);
  };
  talk.handshake(2);
  say(2.02, 'client', bgpOpen({ as: 64_500, holdTime: HOLD_SECONDS, identifier: 0xc0000201 }));
  say(2.04, 'server', bgpOpen({ as: 64_510, holdTime: HOLD_SECONDS, identifier: 0xc6336407 }));
  say(2.06, 'client', bgpKeepalive());
  say(2.08, 'server', bgpKeepalive());
  for (const at of [7, 12, 17]) {
    say(at, 'client', bgpKeepalive());
    say(at + 0.4, 'server', bgpKeepalive());
  }
  // Before the lost one, so that nothing acknowledges that.
  say(22.38, 'client', bgpKeepalive());
  talk.segment(22.4, 'server', ['PSH', 'ACK'], bgpKeepalive(), { isLost: true });
  for (const after of [0.22, 0.66, 1.54, 3.3, 6.8]) talk.repeat(22.4 + after, 'server', bgpKeepalive());
  talk.segment(32.9, 'client', ['PSH', 'ACK'], bgpNotification(4, 0));
  talk.segment(32.91, 'client', ['FIN', 'ACK']);
  return t;
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'tcp-dropped-here.pcap',
    shows:
      'on the host that captured: keepalives of the BGP peer come in six times and are never acknowledged; its own are',
    must: ['tcp.arrived-not-acknowledged', 'bgp.hold-expiry'],
    healthy: false,
    allow: ['tcp.half-open', 'tcp.retransmissions'],
    write: () =>
      writePcap(bgpDroppedHere('tcp-dropped-here', cookedAtLocal).frames(), {
        linkType: LINK_TYPE.linuxSll2,
      }),
  },
  {
    file: 'tcp-dropped-elsewhere.pcap',
    shows: 'the same, captured on a router or a mirror port: where the keepalives end is not known',
    must: ['bgp.hold-expiry'],
    healthy: false,
    allow: ['tcp.half-open', 'tcp.retransmissions'],
    write: () => writePcap(bgpDroppedHere('tcp-dropped-elsewhere').frames()),
  },
];
