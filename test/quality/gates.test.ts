import { describe, expect, it } from 'vitest';
import arpCorrelators from '../../dissectors/arp/correlator.js';
import arp from '../../dissectors/arp/dissector.js';
import tcpCorrelators from '../../dissectors/tcp/correlator.js';
import tcp from '../../dissectors/tcp/dissector.js';
import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import { filterPasses } from '../../src/correlate/capture-filter.js';
import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import {
  captureMayHide,
  dropLimit,
  dropShare,
  fragmentEdgeSeconds,
  oneSidedLimit,
  oneWayCaptureLimit,
  reverseWasHeard,
  secondsFromStart,
  snaplenLimit,
  tooShortAfter,
} from '../../src/correlate/gates.js';
import { hostGroup } from '../../src/correlate/host-groups.js';
import { portFilterSignature } from '../../src/correlate/port-filter-signature.js';
import { isQuietGroup } from '../../src/diagnose/severity-policy.js';
import { arp as arpPacket } from '../build/arp.js';
import { writePcapng } from '../build/capture-file.js';
import type { TestFrame } from '../build/frame-source.js';
import { fragmentIpv4, IP_PROTOCOL, ip } from '../build/ip.js';
import { ETHER_TYPE, ethernet } from '../build/link.js';
import { runBytes } from '../build/run-bytes.js';
import { runFrames } from '../build/run-capture.js';
import { tcp as segment } from '../build/tcp.js';
import { udp } from '../build/udp.js';

const PARTS = { dissectors: [arp, tcp], correlators: [...tcpCorrelators, ...arpCorrelators] };
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const START_NS = 1_772_489_645_000_000_000n;
const A = '192.0.2.1';
const B = '198.51.100.7';
/** Hosts that have nothing to do with A and B. */
const C = '203.0.113.5';
const D = '203.0.113.9';

const overEthernet = (payload: Uint8Array, etherType: number = ETHER_TYPE.ipv4): Uint8Array =>
  ethernet({ ...MACS, etherType, payload });

function datagram(source: string, destination: string, port: number, length = 40, toPort = port): Uint8Array {
  const payload = udp({
    source,
    destination,
    sourcePort: port,
    destinationPort: toPort,
    payload: new Uint8Array(length),
  });
  return ip({ source, destination, protocol: IP_PROTOCOL.udp, payload });
}

function acknowledging(source: string, destination: string, acknowledgment: number): Uint8Array {
  const ports = { sourcePort: 40_000, destinationPort: 179 };
  const payload = segment({ source, destination, ...ports, sequence: 1, acknowledgment, flags: ['ACK'] });
  return ip({ source, destination, protocol: IP_PROTOCOL.tcp, payload });
}

/** Frames one second apart. */
function timed(packets: readonly Uint8Array[], more: Partial<TestFrame> = {}): TestFrame[] {
  return packets.map((bytes, index) => ({
    timeNs: START_NS + BigInt(index) * 1_000_000_000n,
    bytes,
    ...more,
  }));
}

async function qualityOf(packets: readonly Uint8Array[], more?: Partial<TestFrame>): Promise<CaptureQuality> {
  return (await runFrames(timed(packets, more), PARTS)).evidence.quality;
}

const repeat = (count: number, make: (index: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => overEthernet(make(index)));

const ARP_REQUEST = overEthernet(
  arpPacket({ operation: 1, senderMac: MACS.source, senderAddress: A, targetAddress: B }),
  ETHER_TYPE.arp,
);

describe('sight of both directions', () => {
  it('is missing where a host hears a peer that is not in the capture', async () => {
    const quality = await qualityOf(repeat(3, (index) => acknowledging(A, B, 1000 + index * 100)));
    expect(oneSidedLimit(quality, A, B)).not.toBeNull();
    expect(oneSidedLimit(quality, B, A)).not.toBeNull();
    expect(reverseWasHeard(quality, B, A)).toBeNull();
    const limit = oneSidedLimit(quality, B, A);
    expect(limit?.id).toBe('capture.one-sided');
    expect(limit?.reason).toContain(`no packet from ${B} to ${A}`);
  });

  it('is missing for all hosts where one proves it and of no two hosts both directions are there', async () => {
    const proof = repeat(3, (index) => acknowledging(A, B, 1000 + index * 100));
    const other = overEthernet(datagram(A, '10.9.9.9', 500));
    expect(oneSidedLimit(await qualityOf([...proof, other]), A, '10.9.9.9')?.reason).toContain(
      'Of no two hosts',
    );
    const back = overEthernet(datagram('10.9.9.8', A, 500));
    const forth = overEthernet(datagram(A, '10.9.9.8', 500));
    expect(oneSidedLimit(await qualityOf([...proof, other, back, forth]), A, '10.9.9.9')).toBeNull();
  });

  it('is there as soon as one packet of the peer is', async () => {
    const packets = repeat(3, (index) => acknowledging(A, B, 1000 + index * 100));
    const quality = await qualityOf([...packets, overEthernet(datagram(B, A, 500))]);
    expect(oneSidedLimit(quality, A, B)).toBeNull();
  });

  it('is not denied for mere silence', async () => {
    const quality = await qualityOf(repeat(200, () => datagram(A, B, 500)));
    expect(oneSidedLimit(quality, A, B)).toBeNull();
  });

  it.each([
    ['all one way between several pairs', 3, MARK_INBOUND, false],
    ['all one way between one pair, as at a sender that nobody answers', 1, MARK_OUTBOUND, true],
    ['not marked', 3, 0, true],
  ])('takes direction marks: %s', async (_, pairs, marks, sees) => {
    const packets = repeat(150, (index) => datagram(`192.0.2.${10 + (index % pairs)}`, B, 500));
    const quality = await qualityOf(packets, { marks });
    expect(oneWayCaptureLimit(quality) === null).toBe(sees);
    expect(oneSidedLimit(quality, '192.0.2.10', B) === null).toBe(sees);
  });
});

describe('what a capture filter hides', () => {
  const ICMP = { protocol: 1 };
  const FRAGMENT = { protocol: 17, fragment: true };
  const ESP = { protocol: 50 };
  const IKE = { protocol: 17, port: 500 };

  it.each([
    ['udp port 500 or udp port 4500', { icmp: false, fragment: false, esp: false, ike: true }],
    ['port 500 or 4500', { icmp: false, fragment: false, esp: false, ike: true }],
    ['udp portrange 400-600', { icmp: false, fragment: false, esp: false, ike: true }],
    ['port isakmp or esp', { icmp: false, fragment: false, esp: true, ike: true }],
    ['host 192.0.2.1 and not port 22', { icmp: null, fragment: null, esp: null, ike: null }],
    ['not port 22', { icmp: true, fragment: true, esp: true, ike: true }],
    ['not (tcp port 22)', { icmp: true, fragment: true, esp: true, ike: true }],
    ['udp', { icmp: false, fragment: true, esp: false, ike: true }],
    [
      'udp port 500 or icmp or (ip[6:2] & 0x1fff != 0)',
      { icmp: true, fragment: true, esp: false, ike: true },
    ],
    ['icmp or ((ip[6:2] & 0x1fff) != 0)', { icmp: true, fragment: true, esp: false, ike: false }],
    ['ip proto 50 || udp port 500', { icmp: false, fragment: false, esp: true, ike: true }],
    ['ip proto \\esp', { icmp: false, fragment: false, esp: true, ike: false }],
    ['arp', { icmp: false, fragment: false, esp: false, ike: false }],
    ['src port 500', { icmp: false, fragment: false, esp: false, ike: null }],
    ['udp and host 192.0.2.1', { icmp: false, fragment: null, esp: false, ike: null }],
    ['less 128', { icmp: null, fragment: null, esp: null, ike: null }],
    ['', { icmp: true, fragment: true, esp: true, ike: true }],
    ['udp port 500 or (', { icmp: null, fragment: null, esp: null, ike: null }],
    ['((((((', { icmp: null, fragment: null, esp: null, ike: null }],
    ['('.repeat(2000), { icmp: null, fragment: null, esp: null, ike: null }],
  ])('%s', (filter, expected) => {
    const verdict = {
      icmp: filterPasses(filter, ICMP),
      fragment: filterPasses(filter, FRAGMENT),
      esp: filterPasses(filter, ESP),
      ike: filterPasses(filter, IKE),
    };
    expect(verdict).toEqual(expected);
  });

  async function stated(filter: string): Promise<CaptureQuality> {
    const frames = timed([ARP_REQUEST, overEthernet(datagram(A, B, 500))]);
    const file = writePcapng([{ interfaces: [{ name: 'eth0', filter }], frames }]);
    return (await runBytes([file], PARTS)).evidence.quality;
  }

  it('believes the filter that the file states', async () => {
    const quality = await stated('udp port 500');
    expect(captureMayHide(quality, FRAGMENT, A)?.reason).toContain("'udp port 500' hides fragments");
    expect(captureMayHide(quality, IKE, A)).toBeNull();
    expect(captureMayHide(await stated('host 192.0.2.1'), FRAGMENT, A)).toBeNull();
  });

  it('suspects a port filter where nothing but one or two ports occurs', async () => {
    const ike = repeat(12, (index) => (index % 2 ? datagram(A, B, 500) : datagram(B, A, 4500, 40, 50_000)));
    const quality = await qualityOf(ike);
    expect(portFilterSignature(quality, A)).toEqual([500, 4500]);
    expect(captureMayHide(quality, FRAGMENT, A)?.id).toBe('capture.filter');
    expect(captureMayHide(quality, ESP, A)?.reason).toContain('ESP');
    expect(captureMayHide(quality, IKE, A)).toBeNull();
  });

  it('sees that a filter hides nothing inside the tunnels that it lets pass', async () => {
    const tunnel = await qualityOf(repeat(12, () => datagram(A, B, 4789)));
    expect(captureMayHide(tunnel, { protocol: 17, port: 53 }, A)?.id).toBe('capture.filter');
    expect(captureMayHide(tunnel, { protocol: 17, port: 53 }, A, 1)).toBeNull();
    expect(captureMayHide(await stated('udp port 4789'), { protocol: 17, port: 53 }, A, 1)).toBeNull();
  });

  const ike = repeat(12, () => datagram(A, B, 500));
  it.each([
    ['ARP', [ARP_REQUEST]],
    ['ICMP', [overEthernet(ip({ source: A, destination: B, protocol: 1, payload: new Uint8Array(8) }))]],
    ['ESP', [overEthernet(ip({ source: A, destination: B, protocol: 50, payload: new Uint8Array(40) }))]],
    ['two other ports', [overEthernet(datagram(A, B, 53, 40, 5353)), overEthernet(datagram(A, B, 123))]],
    ['a fragment', fragmentIpv4(datagram(A, B, 500, 2000), 600).map((piece) => overEthernet(piece))],
  ])('does not where the capture holds %s', async (_, others) => {
    const quality = await qualityOf([...ike, ...others]);
    expect(portFilterSignature(quality, A)).toBeNull();
    expect(captureMayHide(quality, FRAGMENT, A)).toBeNull();
  });

  it('suspects it all the same where hosts that know nothing of the pair send what a port filter hides', async () => {
    const others = [
      overEthernet(ip({ source: C, destination: D, protocol: 1, payload: new Uint8Array(8) })),
      overEthernet(datagram(C, D, 53)),
      overEthernet(datagram(D, C, 123)),
      overEthernet(
        arpPacket({ operation: 1, senderMac: MACS.source, senderAddress: C, targetAddress: D }),
        ETHER_TYPE.arp,
      ),
    ];
    const quality = await qualityOf([...ike, ...others]);
    expect(portFilterSignature(quality, A)).toEqual([500]);
    expect(portFilterSignature(quality, C)).toBeNull();
    expect(portFilterSignature(quality, null)).toBeNull();
  });

  it('does not judge an excerpt of a few frames', async () => {
    expect(portFilterSignature(await qualityOf(ike.slice(0, 9)), A)).toBeNull();
  });
});

describe('drops, cuts and edges', () => {
  async function dropping(droppedBySystem: number): Promise<CaptureQuality> {
    const frames = timed(repeat(100, () => datagram(A, B, 500)));
    const statistics = { timeNs: START_NS, received: 100 + droppedBySystem, droppedBySystem };
    return (await runBytes([writePcapng([{ interfaces: [{ statistics }], frames }])], PARTS)).evidence
      .quality;
  }

  it('states the share that the capture lost', async () => {
    expect(dropLimit(await dropping(0))).toBeNull();
    expect(dropShare(await dropping(0))).toBe(0);
    expect(dropLimit(await dropping(25))).toMatchObject({ id: 'capture.kernel-drops', share: 20 });
  });

  it('knows to what length frames were cut', async () => {
    const bytes = overEthernet(datagram(A, B, 500, 100)).slice(0, 96);
    const quality = await qualityOf([bytes], { originalLength: 142 });
    expect(snaplenLimit(quality, 96)).toBeNull();
    expect(snaplenLimit(quality, 97)?.id).toBe('capture.snaplen');
    expect(snaplenLimit(await qualityOf([bytes]), 97)).toBeNull();
  });

  it('wants the time after the trigger that a rule needs, once', async () => {
    const quality = await qualityOf(repeat(11, () => datagram(A, B, 500)));
    const moment = (seconds: number) => ({ segment: 0, timeNs: seconds * 1e9 });
    expect(tooShortAfter(quality, moment(0), 10)).toBeNull();
    expect(tooShortAfter(quality, moment(1), 10)).toMatchObject({
      id: 'capture.too-short',
      neededSeconds: 10,
    });
    expect(tooShortAfter(quality, { segment: 0, timeNs: Number.NaN }, 10)).not.toBeNull();
    expect(tooShortAfter(quality, { segment: 7, timeNs: 0 }, 10)).not.toBeNull();
    expect(secondsFromStart(quality, moment(4))).toBe(4);
    expect(secondsFromStart(quality, { segment: 0, timeNs: Number.NaN })).toBe(0);
  });

  it('keeps 50 usual spreads from the edge, at least a second', () => {
    expect([0, 0.001, 0.1, Number.NaN].map(fragmentEdgeSeconds)).toEqual([1, 1, 5, 1]);
  });
});

describe('a fault is as loud in a large capture as in a small one', () => {
  const ofPair = repeat(3, (index) => acknowledging(A, B, 1000 + index));
  const busy = repeat(30, (index) => datagram(C, `203.0.113.${100 + index}`, 50_000, 40, 1000 + index));

  it('because hosts without traffic in common are groups of their own', async () => {
    const quality = await qualityOf([...ofPair, ...busy]);
    expect(hostGroup(quality, A).pairs).toHaveLength(1);
    expect(hostGroup(quality, C)).toBe(hostGroup(quality, '203.0.113.129'));
    expect(hostGroup(quality, D).pairs).toEqual([]);
    expect(hostGroup(quality, C).pairs).toHaveLength(30);
    expect(hostGroup(quality, A).seconds).toBe(2);
    expect(isQuietGroup(quality, { host: A, stack: 0 })).toBe(true);
    expect(isQuietGroup(quality, { host: C, stack: 0 })).toBe(false);
  });

  it('though groups do talk to everybody, and whoever asks on the link belongs to it', async () => {
    const toAll = [A, C].map((host) => overEthernet(datagram(host, '224.0.0.251', 5353)));
    const quality = await qualityOf([...ofPair, ...busy, ...toAll]);
    expect(isQuietGroup(quality, { host: A, stack: 0 })).toBe(true);
    const asks = arpPacket({ operation: 1, senderMac: MACS.source, senderAddress: A, targetAddress: C });
    const linked = await qualityOf([...ofPair, ...busy, overEthernet(asks, ETHER_TYPE.arp)]);
    expect(isQuietGroup(linked, { host: A, stack: 0 })).toBe(false);
  });
});
