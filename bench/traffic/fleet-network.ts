import { concat, random } from '../../test/build/bytes.js';
import type { CaptureFrame } from '../../test/build/capture-file.js';
import { esp } from '../../test/build/esp.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { udp } from '../../test/build/udp.js';
import { VXLAN_PORT, vxlan } from '../../test/build/vxlan.js';

/** A host of the fleet: a tunnel end that captures what it sends and receives. */
export interface FleetHost {
  readonly index: number;
  readonly rack: number;
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  /** Its clock minus the true one. */
  readonly clockSeconds: number;
  readonly isCaptured: boolean;
}

/** An outer packet on its way. */
export interface OuterPacket {
  readonly from: FleetHost;
  readonly to: FleetHost;
  /** Since the beginning of the incident. */
  readonly seconds: number;
  /** Of the IP packet. */
  readonly size: number;
  readonly vni: number | null;
  readonly sourcePort: number | null;
}

/** What is wrong with the network: true where it loses that packet. */
export interface NetworkFault {
  readonly name: string;
  loses(packet: OuterPacket): boolean;
}

/** What a fault did. */
export interface FaultTruth {
  packets: number;
  /** When it lost its first packet, in seconds since the beginning. */
  firstSeconds: number;
}

export const FLEET_START_NS = 1_760_000_000_000_000_000n;
const DELAY_WITHIN_RACK = 0.000_2;
const DELAY_BETWEEN_RACKS = 0.000_7;
/** Routers between two racks. */
const HOPS_BETWEEN_RACKS = 2;
const GROUP_POLICY = 0x21;

/** Carries packets between hosts, loses what its faults lose, and keeps what every capture shows. */
export class FleetNetwork {
  readonly frames: CaptureFrame[][];
  readonly truth = new Map<string, FaultTruth>();
  private readonly jitter;
  private identification = 1;

  constructor(
    hosts: readonly FleetHost[],
    private readonly faults: readonly NetworkFault[],
    seed: number,
  ) {
    this.frames = hosts.map(() => []);
    this.jitter = random(seed);
  }

  /** An Ethernet frame from one end of an overlay network to another. @returns when it arrived, or null */
  sendVxlan(
    from: FleetHost,
    to: FleetHost,
    seconds: number,
    vni: number,
    sourcePort: number,
    inner: Uint8Array,
    dontFragment = true,
  ): number | null {
    const payload = udp({
      source: from.address,
      destination: to.address,
      sourcePort,
      destinationPort: VXLAN_PORT,
      checksum: 'none',
      payload: vxlan({ vni, groupPolicy: { id: GROUP_POLICY }, inner }),
    });
    return this.send(from, to, seconds, IP_PROTOCOL.udp, payload, { vni, sourcePort }, dontFragment);
  }

  sendEsp(
    from: FleetHost,
    to: FleetHost,
    seconds: number,
    spi: number,
    sequence: number,
    payload: Uint8Array,
  ) {
    const packet = esp({ spi, sequence, payload });
    return this.send(from, to, seconds, IP_PROTOCOL.esp, packet, { vni: null, sourcePort: null }, false);
  }

  private send(
    from: FleetHost,
    to: FleetHost,
    seconds: number,
    protocol: number,
    payload: Uint8Array,
    of: Pick<OuterPacket, 'vni' | 'sourcePort'>,
    dontFragment: boolean,
  ): number | null {
    const identification = this.identification++ & 0xffff;
    const packet = {
      source: from.address,
      destination: to.address,
      protocol,
      payload,
      identification,
      dontFragment,
    };
    this.capture(from, from, to, seconds, ipv4({ ...packet, ttl: 64 }));
    const size = payload.length + 20;
    for (const fault of this.faults) {
      if (!fault.loses({ from, to, seconds, size, ...of })) continue;
      const known = this.truth.get(fault.name) ?? { packets: 0, firstSeconds: seconds };
      known.packets++;
      known.firstSeconds = Math.min(known.firstSeconds, seconds);
      this.truth.set(fault.name, known);
      return null;
    }
    const isFar = from.rack !== to.rack;
    const delay = (isFar ? DELAY_BETWEEN_RACKS : DELAY_WITHIN_RACK) * (1 + this.jitter.between(0, 0.2));
    const ttl = isFar ? 64 - HOPS_BETWEEN_RACKS : 64;
    this.capture(to, from, to, seconds + delay, ipv4({ ...packet, ttl }));
    return seconds + delay;
  }

  private capture(at: FleetHost, from: FleetHost, to: FleetHost, seconds: number, packet: Uint8Array): void {
    if (!at.isCaptured) return;
    const frame = ethernet({
      destination: to.mac,
      source: from.mac,
      etherType: ETHER_TYPE.ipv4,
      payload: packet,
    });
    const ownSeconds = seconds + at.clockSeconds;
    const timeNs = FLEET_START_NS + BigInt(Math.round(ownSeconds * 1e6)) * 1000n;
    this.frames[at.index].push({ timeNs, bytes: concat(frame) });
  }
}
