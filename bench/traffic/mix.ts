import { EspTunnel } from './esp-tunnel.js';
import type { Conversation, ConversationSource } from './exchange.js';
import { type Host, hostAt } from './headers.js';
import type { Random } from './random.js';
import { ScionConversation } from './scion-conversation.js';
import { TcpConversation } from './tcp-conversation.js';

const VNIS = [1, 100, 101, 4_096, 70_000, 1_000_001, 8_388_609, 16_777_214];
const VTEP_COUNT = 4;
const CONVERSATIONS_PER_VNI = 250;
const PLAIN_CONVERSATIONS = 400;
const ESP_IN_UDP_TUNNELS = 6;
const NATIVE_ESP_TUNNELS = 4;
const SCION_CONVERSATIONS = 40;
const CONTAINER_MAC_PREFIX = 0x0a58;
/** Ports of servers with a protocol of their own: no dissector should claim the random payload. */
export const SERVER_PORTS = [7443, 7444, 7445, 9443];

interface Kind {
  readonly sharePercent: number;
  readonly conversations: readonly Conversation[];
}

/** All conversations of the capture, and how often each kind of them is heard. */
export class TrafficMix implements ConversationSource {
  readonly size: number;
  private readonly kinds: readonly Kind[];

  constructor(random: Random, captureStartSeconds: number) {
    const payload = opaquePayload(random);
    // Three packets in eight carry an inner one, as in the prototypes that the targets of speed come from.
    this.kinds = [
      { sharePercent: 36, conversations: vxlanConversations(payload, random) },
      { sharePercent: 26, conversations: espTunnels(ESP_IN_UDP_TUNNELS, true, random) },
      { sharePercent: 6, conversations: espTunnels(NATIVE_ESP_TUNNELS, false, random) },
      { sharePercent: 14, conversations: scionConversations(captureStartSeconds, payload, random) },
      { sharePercent: 18, conversations: plainConversations(payload, random) },
    ];
    this.size = this.kinds.reduce((sum, { conversations }) => sum + conversations.length, 0);
  }

  pickIdle(random: Random): Conversation {
    for (;;) {
      let share = random.between(0, 100);
      const kind = this.kinds.find(({ sharePercent }) => {
        share -= sharePercent;
        return share < 0;
      });
      const candidate = kind?.conversations[random.between(0, kind.conversations.length)];
      if (candidate?.idle) return candidate;
    }
  }
}

/** Random bytes after four zero ones: nothing that a dissector could take for a protocol. */
export function opaquePayload(random: Random): Buffer {
  const payload = random.bytes(2_048);
  return payload.fill(0, 0, 4);
}

/** Every VNI uses the same overlay addresses: only the tunnel tells their flows apart. */
function vxlanConversations(payload: Buffer, random: Random): Conversation[] {
  const conversations: Conversation[] = [];
  for (const vni of VNIS) {
    for (let index = 0; index < CONVERSATIONS_PER_VNI; index += 1) {
      const clientSite = index % VTEP_COUNT;
      const serverSite = (clientSite + random.between(1, VTEP_COUNT)) % VTEP_COUNT;
      const client = hostAt(10, 100, clientSite, 2 + Math.floor(index / VTEP_COUNT), CONTAINER_MAC_PREFIX);
      const server = hostAt(10, 100, serverSite, 200 + random.between(0, 8), CONTAINER_MAC_PREFIX);
      const overlay = {
        vni,
        clientVtep: vtepAt(clientSite),
        serverVtep: vtepAt(serverSite),
        clientPolicyId: 3 + clientSite,
        serverPolicyId: 16 + serverSite,
      };
      const port = SERVER_PORTS[random.between(0, SERVER_PORTS.length)];
      conversations.push(new TcpConversation(client, server, port, overlay, payload, random));
    }
  }
  return conversations;
}

function vtepAt(site: number): Host {
  return hostAt(172, 16, 8, 11 + site);
}

function plainConversations(payload: Buffer, random: Random): Conversation[] {
  return Array.from({ length: PLAIN_CONVERSATIONS }, (_, index) => {
    const client = hostAt(172, 16, 20, 2 + (index % 200));
    const server = hostAt(172, 16, 21, 10 + random.between(0, 5));
    const port = SERVER_PORTS[random.between(0, SERVER_PORTS.length)];
    return new TcpConversation(client, server, port, undefined, payload, random);
  });
}

function espTunnels(count: number, inUdp: boolean, random: Random): Conversation[] {
  const ciphertext = random.bytes(65_536);
  const gateway = inUdp ? hostAt(203, 0, 113, 1) : hostAt(203, 0, 113, 2);
  return Array.from({ length: count }, (_, index) => {
    const client = inUdp ? hostAt(198, 51, 100, 10 + index) : hostAt(192, 0, 2, 10 + index);
    const clientPort = inUdp ? random.between(20_000, 60_000) : undefined;
    return new EspTunnel(client, gateway, clientPort, ciphertext, random);
  });
}

function scionConversations(captureStartSeconds: number, payload: Buffer, random: Random): Conversation[] {
  const router = hostAt(172, 16, 40, 1);
  const segmentCreatedSeconds = captureStartSeconds - 600;
  return Array.from({ length: SCION_CONVERSATIONS }, (_, index) => {
    const endHost = hostAt(172, 16, 40, 10 + (index % 8));
    const remoteHost = hostAt(172, 16, 41, 10 + random.between(0, 8));
    return new ScionConversation(
      endHost,
      router,
      remoteHost,
      31_100 + index,
      segmentCreatedSeconds,
      payload,
      random,
    );
  });
}
