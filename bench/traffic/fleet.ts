import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, random } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import {
  type FaultTruth,
  FLEET_START_NS,
  type FleetHost,
  FleetNetwork,
  type NetworkFault,
} from './fleet-network.js';
import { type Container, talk } from './fleet-talk.js';

/** Sizes of a fleet, and what is wrong with it. */
export interface FleetPlan {
  readonly racks: number;
  /** Captured hosts of each rack. */
  readonly hostsPerRack: number;
  /** Hosts beyond these that nobody captured. */
  readonly uncaptured: number;
  readonly peersPerHost: number;
  readonly seconds: number;
  /** Between two connections of a pair of hosts, on average. */
  readonly talkEverySeconds: number;
  /** Rotated files of each host. */
  readonly files: number;
  readonly seed: number;
  readonly clockSeconds: (host: number) => number;
  readonly faults: readonly NetworkFault[];
  /** Hosts whose containers send segments for the MTU of the underlay. */
  readonly largeSegments: readonly number[];
  /** Two hosts that both have a container with one address. */
  readonly sharedAddress?: readonly [number, number];
  /** Every so many pairs speak through ESP beside VXLAN. */
  readonly espEvery: number;
}

export interface MadeFleet {
  readonly hosts: readonly FleetHost[];
  readonly truth: ReadonlyMap<string, FaultTruth>;
  readonly frames: number;
  /** Ordered pairs of host indices that speak. */
  readonly pairs: readonly (readonly [number, number])[];
}

export const VNIS = [100, 200, 300] as const;
export const SHARED_ADDRESS = '172.20.200.9';
const OVERLAY_MSS = 1410;
const LARGE_MSS = 1460;

/** Writes the captures of a fleet, a folder for each host with its ring of files. */
export function makeFleet(folder: string, plan: FleetPlan): MadeFleet {
  const hosts = hostsOf(plan);
  const network = new FleetNetwork(hosts, plan.faults, plan.seed ^ 0x5a5a);
  const numbers = random(plan.seed);
  const pairs = pairsOf(plan, hosts.length, numbers);
  for (const [index, [x, y]] of pairs.entries()) {
    speak(network, plan, hosts[x], hosts[y], VNIS[index % VNIS.length], numbers);
    if (plan.espEvery > 0 && index % plan.espEvery === 0)
      speakEsp(network, plan, hosts[x], hosts[y], numbers);
  }
  for (const host of plan.sharedAddress ?? []) shareAddress(network, plan, hosts, host, numbers);
  let frames = 0;
  for (const host of hosts) if (host.isCaptured) frames += writeRing(folder, host, network, plan);
  return { hosts, truth: network.truth, frames, pairs };
}

function hostsOf({ racks, hostsPerRack, uncaptured, clockSeconds }: FleetPlan): FleetHost[] {
  const captured = racks * hostsPerRack;
  return Array.from({ length: captured + uncaptured }, (_, index) => {
    const rack = index < captured ? Math.floor(index / hostsPerRack) : (index - captured) % racks;
    const place =
      index < captured ? index % hostsPerRack : hostsPerRack + Math.floor((index - captured) / racks);
    return {
      index,
      rack,
      name: `r${rack}-h${String(place).padStart(2, '0')}`,
      address: `10.0.${rack}.${10 + place}`,
      mac: `02:00:0a:00:${hex(rack)}:${hex(10 + place)}`,
      clockSeconds: clockSeconds(index),
      isCaptured: index < captured,
    };
  });
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}

/** Every host speaks to so many others, near and far. */
function pairsOf({ peersPerHost }: FleetPlan, count: number, numbers: Random): [number, number][] {
  const keys = new Set<string>();
  const pairs: [number, number][] = [];
  for (let host = 0; host < count; host++) {
    for (let tries = 0, own = 0; own < peersPerHost / 2 && tries < 50; tries++) {
      const peer = Math.floor(numbers.between(0, count));
      const key = `${Math.min(host, peer)} ${Math.max(host, peer)}`;
      if (peer === host || keys.has(key)) continue;
      keys.add(key);
      pairs.push([host, peer]);
      own++;
    }
  }
  return pairs;
}

function containerOf(host: FleetHost, { largeSegments }: FleetPlan, vni: number): Container {
  return {
    host,
    address: `172.20.${host.index}.${vni / 100}`,
    mac: `ee:ee:14:${hex(host.index)}:00:${hex(vni / 100)}`,
    mss: largeSegments.includes(host.index) ? LARGE_MSS : OVERLAY_MSS,
  };
}

/** Connections one after the other, either of the two opens them. */
function speak(
  network: FleetNetwork,
  plan: FleetPlan,
  x: FleetHost,
  y: FleetHost,
  vni: number,
  numbers: Random,
): void {
  const ends = [containerOf(x, plan, vni), containerOf(y, plan, vni)];
  for (let at = numbers.between(0, plan.talkEverySeconds); at < plan.seconds - 1; ) {
    const [client, server] = numbers.between(0, 1) < 0.5 ? ends : [ends[1], ends[0]];
    talk(network, client, server, vni, at, numbers);
    at += plan.talkEverySeconds * (0.5 + numbers.between(0, 1));
  }
}

/** A pair of SAs, from the middle of their life. */
function speakEsp(network: FleetNetwork, plan: FleetPlan, x: FleetHost, y: FleetHost, numbers: Random): void {
  const spis = [0x1000_0000 + (numbers.next() & 0xffffff), 0x2000_0000 + (numbers.next() & 0xffffff)];
  const sequences = [1000, 5000];
  for (let at = 0.1 + numbers.between(0, 0.2); at < plan.seconds - 1; ) {
    for (const [way, [from, to]] of [
      [x, y],
      [y, x],
    ].entries()) {
      const size = 4 * Math.floor(numbers.between(20, 200));
      network.sendEsp(from, to, at + way * 0.01, spis[way], sequences[way]++, numbers.bytes(size));
    }
    at += 0.2 + numbers.between(0, 0.6);
  }
}

/** A container that has the address of another one, and speaks to three hosts. */
function shareAddress(
  network: FleetNetwork,
  plan: FleetPlan,
  hosts: readonly FleetHost[],
  index: number,
  numbers: Random,
): void {
  const host = hosts[index];
  const own = { host, address: SHARED_ADDRESS, mac: `ee:ee:14:${hex(index)}:09:09`, mss: OVERLAY_MSS };
  for (let peer = 1; peer <= 2; peer++) {
    const other = hosts[(index + peer) % hosts.length];
    const server = containerOf(other, plan, VNIS[0]);
    for (let at = 1 + numbers.between(0, 1); at < plan.seconds - 1; at += 2 + numbers.between(0, 2))
      talk(network, own, server, VNIS[0], at, numbers);
  }
}

/** As dumpcap names the files of a ring. */
function writeRing(folder: string, host: FleetHost, network: FleetNetwork, { files }: FleetPlan): number {
  const frames = network.frames[host.index].sort((a, b) => Number(a.timeNs - b.timeNs));
  const own = join(folder, host.name);
  mkdirSync(own, { recursive: true });
  const perFile = Math.max(1, Math.ceil(frames.length / files));
  for (let file = 0; file * perFile < frames.length; file++) {
    const part = frames.slice(file * perFile, (file + 1) * perFile);
    const stamp = new Date(Number((part[0]?.timeNs ?? FLEET_START_NS) / 1_000_000n)).toISOString();
    const digits = stamp.slice(0, 19).replace(/[-:T]/g, '');
    const name = `${host.name}_${String(file + 1).padStart(5, '0')}_${digits}.pcap`;
    writeFileSync(join(own, name), writePcap(part));
  }
  return frames.length;
}
