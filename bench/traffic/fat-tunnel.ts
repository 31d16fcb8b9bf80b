import { EspTunnel } from './esp-tunnel.js';
import { type Conversation, type ConversationSource, pickIdleOf } from './exchange.js';
import { hostAt } from './headers.js';
import { opaquePayload, SERVER_PORTS } from './mix.js';
import type { Random } from './random.js';
import { TcpConversation } from './tcp-conversation.js';

const CONTAINER_MAC_PREFIX = 0x0a58;
/** Of all tunnels together, so that captures of one and of many tunnels differ in nothing else. */
const INNER_CONVERSATIONS = 1_000;
const UNDERLAY_SOURCE_PORT = 50_000;
const VNI_FIRST = 5_000;
const TUNNELS_MAX = 60_000;

/** Equal VXLAN tunnels from as many sites to one gateway, each one VNI and one five-tuple each way. */
export class FatVxlanTunnels implements ConversationSource {
  private readonly conversations: readonly Conversation[];

  /** @throws RangeError where there are more tunnels than addresses for them. */
  constructor(tunnels: number, random: Random) {
    assertTunnels(tunnels);
    const payload = opaquePayload(random);
    const gateway = hostAt(172, 16, 8, 1);
    const overlays = Array.from({ length: tunnels }, (_, tunnel) => ({
      vni: VNI_FIRST + tunnel,
      clientVtep: siteAt(tunnel),
      serverVtep: gateway,
      clientPolicyId: 3,
      serverPolicyId: 16,
      sourcePort: UNDERLAY_SOURCE_PORT,
    }));
    this.conversations = Array.from({ length: Math.max(tunnels, INNER_CONVERSATIONS) }, (_, index) => {
      const client = hostAt(10, 100, 1 + Math.floor(index / 250), 2 + (index % 250), CONTAINER_MAC_PREFIX);
      const server = hostAt(10, 100, 0, 200 + random.between(0, 8), CONTAINER_MAC_PREFIX);
      const port = SERVER_PORTS[random.between(0, SERVER_PORTS.length)];
      return new TcpConversation(client, server, port, overlays[index % tunnels], payload, random);
    });
  }

  get size(): number {
    return this.conversations.length;
  }

  pickIdle(random: Random): Conversation {
    return pickIdleOf(this.conversations, random);
  }
}

/** Equal pairs of ESP SAs in UDP 4500 (RFC 3948) from as many clients to one gateway. */
export class FatEspTunnels implements ConversationSource {
  private readonly tunnels: readonly Conversation[];

  /** @throws RangeError where there are more tunnels than addresses for them. */
  constructor(tunnels: number, random: Random) {
    assertTunnels(tunnels);
    const ciphertext = random.bytes(65_536);
    const gateway = hostAt(203, 0, 113, 1);
    this.tunnels = Array.from(
      { length: tunnels },
      (_, tunnel) =>
        new EspTunnel(siteAt(tunnel), gateway, random.between(20_000, 60_000), ciphertext, random),
    );
  }

  get size(): number {
    return this.tunnels.length;
  }

  pickIdle(random: Random): Conversation {
    return pickIdleOf(this.tunnels, random);
  }
}

/** Equal TCP conversations in no tunnel: `count` clients, each one of its own, and eight servers. */
export class PlainTcp implements ConversationSource {
  private readonly conversations: readonly Conversation[];

  constructor(count: number, random: Random) {
    const payload = opaquePayload(random);
    this.conversations = Array.from({ length: count }, (_, index) => {
      const client = hostAt(
        10,
        1 + Math.floor(index / 62_500),
        Math.floor(index / 250) % 250,
        2 + (index % 250),
      );
      const server = hostAt(10, 250, 0, 200 + random.between(0, 8));
      const port = SERVER_PORTS[random.between(0, SERVER_PORTS.length)];
      return new TcpConversation(client, server, port, undefined, payload, random);
    });
  }

  get size(): number {
    return this.conversations.length;
  }

  pickIdle(random: Random): Conversation {
    return pickIdleOf(this.conversations, random);
  }
}

function siteAt(tunnel: number): ReturnType<typeof hostAt> {
  return hostAt(172, 20, 1 + Math.floor(tunnel / 250), 2 + (tunnel % 250));
}

function assertTunnels(tunnels: number): void {
  if (tunnels > TUNNELS_MAX) throw new RangeError(`${tunnels} tunnels: at most ${TUNNELS_MAX} can be made`);
}
