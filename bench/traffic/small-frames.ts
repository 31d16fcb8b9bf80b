import { EspTunnel } from './esp-tunnel.js';
import { type Conversation, type ConversationSource, keystrokeExchange, pickIdleOf } from './exchange.js';
import { hostAt } from './headers.js';
import { opaquePayload, SERVER_PORTS } from './mix.js';
import type { Random } from './random.js';
import { TcpConversation } from './tcp-conversation.js';

const CONTAINER_MAC_PREFIX = 0x0a58;
const PLAIN_CONVERSATIONS = 680;
const VXLAN_CONVERSATIONS = 240;
const ESP_TUNNELS = 80;
const VTEP_COUNT = 4;
const VNI = 4_096;

/**
 * Keystrokes and acknowledgements, the hardest traffic for a program whose cost is per frame: frames of 90 bytes on
 * average. Of 25 exchanges, 17 are plain TCP (73 bytes a frame), 6 in VXLAN (123 bytes), 2 in ESP in UDP (136 bytes).
 */
export class SmallFrameMix implements ConversationSource {
  private readonly conversations: readonly Conversation[];

  constructor(random: Random) {
    const payload = opaquePayload(random);
    const ciphertext = random.bytes(65_536);
    const gateway = hostAt(203, 0, 113, 1);
    this.conversations = [
      ...Array.from({ length: PLAIN_CONVERSATIONS }, (_, index) => {
        const client = hostAt(172, 16, 20 + Math.floor(index / 200), 2 + (index % 200));
        const server = hostAt(172, 16, 40, 10 + random.between(0, 5));
        return new TcpConversation(
          client,
          server,
          serverPort(random),
          undefined,
          payload,
          random,
          keystrokeExchange,
        );
      }),
      ...Array.from({ length: VXLAN_CONVERSATIONS }, (_, index) => {
        const clientSite = index % VTEP_COUNT;
        const serverSite = (clientSite + 1) % VTEP_COUNT;
        const client = hostAt(10, 100, clientSite, 2 + Math.floor(index / VTEP_COUNT), CONTAINER_MAC_PREFIX);
        const server = hostAt(10, 100, serverSite, 200 + random.between(0, 8), CONTAINER_MAC_PREFIX);
        const overlay = {
          vni: VNI,
          clientVtep: hostAt(172, 16, 8, 11 + clientSite),
          serverVtep: hostAt(172, 16, 8, 11 + serverSite),
          clientPolicyId: 3 + clientSite,
          serverPolicyId: 16 + serverSite,
        };
        return new TcpConversation(
          client,
          server,
          serverPort(random),
          overlay,
          payload,
          random,
          keystrokeExchange,
        );
      }),
      ...Array.from({ length: ESP_TUNNELS }, (_, index) => {
        const client = hostAt(198, 51, 100, 10 + index);
        const clientPort = random.between(20_000, 60_000);
        return new EspTunnel(client, gateway, clientPort, ciphertext, random, keystrokeExchange);
      }),
    ];
  }

  get size(): number {
    return this.conversations.length;
  }

  pickIdle(random: Random): Conversation {
    return pickIdleOf(this.conversations, random);
  }
}

function serverPort(random: Random): number {
  return SERVER_PORTS[random.between(0, SERVER_PORTS.length)];
}
