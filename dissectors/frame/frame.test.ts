import { describe, expect, it } from 'vitest';
import { captures } from '../../captures/cases/capture-quality.js';
import { NATTED_SITE, PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { captureIndexOf, frameNumberOf } from '../../src/units.js';
import { concat } from '../../test/build/bytes.js';
import { type CaptureFrame, writePcap, writePcapng } from '../../test/build/capture-file.js';
import { gre } from '../../test/build/gre.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet, LINK_TYPE, pppoeSession } from '../../test/build/link.js';
import { runBytes } from '../../test/build/run-bytes.js';
import { espExchange } from '../../test/build/scenario.js';
import { espTunnelOf } from '../../test/build/scenario-ike.js';
import { tcp as segment } from '../../test/build/tcp.js';
import { TSHARK_RUNS, tsharkFields, tsharkMissing } from '../../test/build/tshark.js';
import { udp } from '../../test/build/udp.js';
import arp from '../arp/dissector.js';
import greDissector from '../gre/dissector.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import duplicates from './diagnoses/duplicates.js';
import filter from './diagnoses/filter.js';
import kernelDrops from './diagnoses/kernel-drops.js';
import offload from './diagnoses/offload.js';
import oneSided from './diagnoses/one-sided.js';
import selfTraffic from './diagnoses/self-traffic.js';
import snaplen from './diagnoses/snaplen.js';
import timeAnomaly from './diagnoses/time-anomaly.js';
import tooShort from './diagnoses/too-short.js';
import truncatedFile from './diagnoses/truncated-file.js';
import undissected from './diagnoses/undissected.js';

const PARTS = { dissectors: [arp, tcp], correlators: tcpCorrelators };
const RULES: readonly Diagnosis[] = [
  truncatedFile,
  undissected,
  snaplen,
  kernelDrops,
  filter,
  oneSided,
  duplicates,
  offload,
  timeAnomaly,
  tooShort,
  selfTraffic,
];
const START_NS = 1_772_489_645_000_000_000n;
const A = '192.0.2.1';
const B = '198.51.100.7';
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };

type Earlier = ReadonlyMap<string, readonly Judgement[]>;

async function judge(rule: Diagnosis, files: readonly Uint8Array[], earlier?: Earlier): Promise<Judgement[]> {
  return (await runBytes(files, PARTS, earlier)).judge(rule);
}

async function problemOf(rule: Diagnosis, file: Uint8Array, earlier?: Earlier): Promise<Problem> {
  const [judgement, ...others] = await judge(rule, [file], earlier);
  expect(others).toEqual([]);
  if (judgement?.result !== 'problem') throw new Error(`${rule.id}: ${judgement?.result ?? 'no judgement'}`);
  return judgement;
}

async function resultsOf(rule: Diagnosis, file: Uint8Array, earlier?: Earlier): Promise<string[]> {
  return (await judge(rule, [file], earlier)).map(({ result }) => result);
}

/** A tunnel in both directions, with ARP and pings of the router. */
function healthyFrames(): readonly CaptureFrame[] {
  const t = siteTimeline('frame-test', PUBLIC_SITE, 40);
  const peers = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
  espExchange(t, espTunnelOf(peers, { toResponder: 1000, toInitiator: 2000 }), {
    at: 2,
    seconds: 30,
    intervalMs: 500,
  });
  return t.frames();
}

function frameOf(packet: Uint8Array, seconds: number): CaptureFrame {
  const bytes = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet });
  return { timeNs: START_NS + BigInt(Math.round(seconds * 1e9)), bytes };
}

interface Ends {
  from: string;
  to: string;
  fromPort?: number;
  toPort?: number;
}

function tcpPacket(
  { from, to, fromPort = 40_000, toPort = 443 }: Ends,
  numbers: [number, number],
  length = 0,
): Uint8Array {
  const payload = segment({
    source: from,
    destination: to,
    sourcePort: fromPort,
    destinationPort: toPort,
    sequence: numbers[0],
    acknowledgment: numbers[1],
    flags: ['ACK'],
    payload: new Uint8Array(length),
  });
  return ip({
    source: from,
    destination: to,
    protocol: IP_PROTOCOL.tcp,
    payload,
    identification: numbers[0] & 0xffff,
  });
}

function udpPacket({ from, to, fromPort = 500, toPort = 500 }: Ends, identification = 0): Uint8Array {
  const payload = udp({
    source: from,
    destination: to,
    sourcePort: fromPort,
    destinationPort: toPort,
    payload: new Uint8Array(60),
  });
  return ip({ source: from, destination: to, protocol: IP_PROTOCOL.udp, payload, identification });
}

const sample = (name: string): Uint8Array => {
  const found = captures.find(({ file }) => file.startsWith(name));
  if (!found) throw new Error(`no sample ${name}`);
  return found.write();
};

describe('a healthy capture', () => {
  const frames = healthyFrames();
  it.each([
    ['pcap', writePcap(frames)],
    ['pcapng', writePcapng([{ interfaces: [{ name: 'eth0', tsresol: 9 }], frames }])],
  ])('raises nothing (%s)', async (_, file) => {
    for (const rule of RULES) {
      for (const result of await resultsOf(rule, file)) expect(result, rule.id).toBe('healthy');
    }
  });

  it('without a frame raises nothing', async () => {
    for (const rule of RULES) {
      for (const result of await resultsOf(rule, writePcap([]))) expect(result, rule.id).toBe('healthy');
    }
  });
});

// capture.too-short speaks of what other diagnoses could not judge: its sample needs the whole catalogue.
const SAMPLES = captures.filter(({ must }) => !must.includes('capture.too-short'));

describe.each(SAMPLES.map(({ file, must, write }) => ({ file, must, write })))(
  'the sample $file',
  ({ must, write }) => {
    const file = write();

    it(`gives ${must.join(', ')} and no other alarm`, async () => {
      const run = await runBytes([file], PARTS);
      const alarms = RULES.flatMap((rule) =>
        run
          .judge(rule)
          .filter((judgement) => judgement.result === 'problem')
          .filter((problem) => must.includes(rule.id) || (problem.severity ?? rule.severity) !== 'info')
          .map(() => rule.id),
      );
      expect(alarms).toEqual(must);
    });

    // tshark ends with an error on a file that ends inside a record.
    const isUnreadable = tsharkMissing !== null || must.includes(truncatedFile.id);
    it.skipIf(isUnreadable)('has a display filter that finds the cited frames', TSHARK_RUNS, async () => {
      for (const rule of RULES.filter(({ id }) => must.includes(id))) {
        const { displayFilter, evidence } = await problemOf(rule, file);
        const found = tsharkFields(file, ['frame.number'], displayFilter).flat().map(Number);
        expect(found).toEqual(expect.arrayContaining(evidence.map(({ frame }) => frameNumberOf(frame))));
      }
    });
  },
);

describe('capture.truncated-file', () => {
  it('names the place and the last frame that was read', async () => {
    const { counts, evidence, ongoingAtEnd } = await problemOf(truncatedFile, sample('capture-truncated'));
    expect(evidence.map(({ frame }) => frameNumberOf(frame))).toEqual([counts.framesRead]);
    expect(ongoingAtEnd).toBe(true);
  });

  it('judges each file by itself', async () => {
    const whole = writePcap(healthyFrames());
    const judged = await judge(truncatedFile, [whole.subarray(0, whole.length - 5), whole]);
    expect(judged.map(({ result, subject }) => [result, typeof subject.file])).toEqual([
      ['problem', 'string'],
    ]);
    const healthy = await judge(truncatedFile, [whole, whole]);
    expect(healthy.map(({ result }) => result)).toEqual(['healthy']);
  });
});

describe('capture.snaplen', () => {
  it('is a warning only where a check could not be made', async () => {
    const file = sample('capture-snaplen');
    expect((await problemOf(snaplen, file)).severity).toBe('info');
    const unjudged = { result: 'insufficient-data', subject: { kind: 'session' } } as const;
    const earlier = new Map([
      ['ike.no-proposal', [{ ...unjudged, reason: 'No notify.', limitedBy: ['capture.snaplen'] }]],
      ['esp.loss', [{ ...unjudged, reason: 'Too few; capture whole packets: -s 0.' }]],
    ]);
    const { severity, explanation } = await problemOf(snaplen, file, earlier);
    expect(severity).toBe('warning');
    expect(explanation).toContain('; ike.no-proposal could not be judged');
  });
});

describe('capture.kernel-drops', () => {
  const withDrops = (droppedBySystem: number): Uint8Array => {
    const frames = Array.from({ length: 1000 }, (_, i) => frameOf(udpPacket({ from: A, to: B }, i + 1), i));
    const statistics = { timeNs: START_NS, received: 1000 + droppedBySystem, droppedBySystem };
    return writePcapng([{ interfaces: [{ statistics }], frames }]);
  };

  it.each([
    [1, 'info'],
    [2, 'warning'],
    [20, 'warning'],
    [21, 'error'],
  ])('takes %i drops beside 1,000 frames for %s', async (drops, severity) => {
    expect((await problemOf(kernelDrops, withDrops(drops))).severity).toBe(severity);
  });

  it('leaves the statistics of a larger capture to that capture, and takes from those of a ring what a file adds', async () => {
    const part = (count: number, received: number, dropped: number): Uint8Array => {
      const frames = Array.from({ length: count }, (_, i) =>
        frameOf(udpPacket({ from: A, to: B }, i + 1), i),
      );
      return writePcapng([
        { interfaces: [{ statistics: { timeNs: START_NS, received, droppedBySystem: dropped } }], frames },
      ]);
    };
    expect(await resultsOf(kernelDrops, part(40, 100_000, 30_000))).toEqual([]);
    expect((await problemOf(kernelDrops, part(700, 1000, 300))).severity).toBe('error');
    const ring = await judge(kernelDrops, [part(700, 1000, 300), part(900, 2000, 400)]);
    const drops = ring.flatMap((one) => (one.result === 'problem' ? [one.counts.dropsReported] : []));
    expect(drops.sort()).toEqual([100, 300]);
  });

  it('is healthy where the file says that nothing was dropped, and silent where nothing is known', async () => {
    expect(await resultsOf(kernelDrops, withDrops(0))).toEqual(['healthy']);
    expect(await resultsOf(kernelDrops, writePcap([frameOf(udpPacket({ from: A, to: B }), 0)]))).toEqual([]);
  });

  /** Transfers of 10 segments with an ACK each; the capture misses `missing` of each. */
  function transfers(count: number, missing: readonly number[], bothWays = true): Uint8Array {
    const frames: CaptureFrame[] = [];
    for (let port = 1; port <= count; port++) {
      const data = { from: A, to: B, fromPort: 5000 + port };
      const acks = { from: B, to: A, fromPort: 443, toPort: 5000 + port };
      for (let index = 0; index < 10; index++) {
        const at = port + index / 50;
        if (!missing.includes(index)) frames.push(frameOf(tcpPacket(data, [1 + index * 100, 1], 100), at));
        if (bothWays) frames.push(frameOf(tcpPacket(acks, [1, 101 + index * 100]), at + 0.01));
      }
    }
    return writePcap(frames);
  }

  it('infers drops from three ACKs of data that was delivered and not captured', async () => {
    const { severity, confidence, counts, evidence } = await problemOf(kernelDrops, transfers(1, [3, 5, 7]));
    expect({ severity, confidence }).toEqual({ severity: 'warning', confidence: 'medium' });
    expect(counts.acksOfUncapturedData).toBe(3);
    expect(evidence.map(({ frame }) => frameNumberOf(frame))).toEqual([7, 10, 13]);
  });

  it.each([
    ['two such ACKs', transfers(2, [4])],
    ['a connection of which one direction is missing', transfers(3, [3, 5, 7], false)],
    ['connections of which only ACKs were captured', transfers(3, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])],
    ['whole connections', transfers(3, [])],
  ])('raises no alarm for %s', async (_, file) => {
    expect(await resultsOf(kernelDrops, file)).not.toContain('problem');
  });
});

describe('capture.filter', () => {
  const stating = (text: string): Uint8Array =>
    writePcapng([{ interfaces: [{ name: 'eth0', filter: text }], frames: healthyFrames() }]);

  it('says what the stated filter hides', async () => {
    const { explanation } = await problemOf(filter, stating('udp port 500 or esp'));
    expect(explanation).toContain("'udp port 500 or esp' on eth0");
    expect(explanation).toContain('ICMP, fragments without ports, IKE and ESP on port 4500:');
  });

  it('is content with a filter that keeps the pair whole', async () => {
    expect(await resultsOf(filter, stating('host 192.0.2.1 and not port 22'))).toEqual(['healthy']);
  });

  it('infers a port filter only where fragments are missing and nothing else is there', async () => {
    const ports = Array.from({ length: 20 }, (_, i) => frameOf(udpPacket({ from: A, to: B }, i + 1), i));
    const incomplete = new Map([
      [
        'frag.missing-rest',
        [
          {
            result: 'insufficient-data',
            subject: { kind: 'datagram', endpoints: [A, B] },
            reason: '-',
          } as const,
        ],
      ],
    ]);
    expect((await problemOf(filter, writePcap(ports), incomplete)).confidence).toBe('low');
    expect(await resultsOf(filter, writePcap(ports))).toEqual([]);
    expect(await resultsOf(filter, writePcap(healthyFrames()), incomplete)).toEqual([]);
  });
});

describe('capture.one-sided', () => {
  const hearing = (from: string, to: string, fromPort = 40_000): CaptureFrame[] =>
    [0, 1, 2].map((index) => frameOf(tcpPacket({ from, to, fromPort }, [1, 1 + index * 500]), index));

  it('cites the frame that proves the missing direction', async () => {
    const { severity, evidence, counts } = await problemOf(oneSided, writePcap(hearing(A, B)));
    expect(severity).toBe('warning');
    expect(evidence.map(({ frame }) => frameNumberOf(frame))).toEqual([2]);
    expect(counts).toMatchObject({ oneWayPairs: 1, twoWayPairs: 0 });
  });

  it('is a remark where most pairs are two-way', async () => {
    const { severity } = await problemOf(
      oneSided,
      writePcap([...healthyFrames(), ...hearing(A, '203.0.113.9')].filter(isNotEsp)),
    );
    expect(severity).toBe('info');
  });

  it('leaves silence to the rules about silence', async () => {
    const silent = Array.from({ length: 200 }, (_, i) => frameOf(udpPacket({ from: A, to: B }, i + 1), i));
    expect(await resultsOf(oneSided, writePcap(silent))).toEqual([]);
  });

  it('knows that Linux shows only the inbound packets of an IPsec tunnel in clear', async () => {
    const inner = hearing('10.1.0.5', NATTED_SITE.local.address);
    expect(await resultsOf(oneSided, writePcap([...healthyFrames(), ...inner]))).toEqual(['healthy']);
  });

  it('knows that a virtual address answers from another one', async () => {
    const answer = frameOf(
      tcpPacket({ from: '10.9.9.9', to: A, fromPort: 8080, toPort: 40_000 }, [1, 1], 50),
      1.5,
    );
    expect(await resultsOf(oneSided, writePcap([...hearing(A, B), answer]))).toEqual([]);
  });

  describe('kind: not decoded is not the same as not captured', () => {
    const asked = (to: string, seconds: number, source = A): CaptureFrame =>
      frameOf(
        tcpPacket({ from: source, to, fromPort: 443, toPort: 40_000 }, [1 + seconds * 500, 1], 50),
        seconds,
      );
    const unreadable = (wrap: (packet: Uint8Array) => CaptureFrame['bytes']): CaptureFrame[] =>
      [0.5, 1.5, 2.5].map((seconds) => {
        const packet = tcpPacket({ from: B, to: A, fromPort: 443, toPort: 40_000 }, [1, 1], 50);
        return { ...frameOf(packet, seconds), bytes: wrap(packet) };
      });
    const gtp = (packet: Uint8Array): Uint8Array => {
      const header = Uint8Array.of(0x30, 0xff, packet.length >> 8, packet.length & 0xff, 0, 0, 0, 7);
      const ends = { source: '10.9.0.1', destination: '10.9.0.2' };
      const payload = udp({
        ...ends,
        sourcePort: 2152,
        destinationPort: 2152,
        payload: Uint8Array.of(...header, ...packet),
      });
      return ethernet({
        ...MACS,
        etherType: ETHER_TYPE.ipv4,
        payload: ip({ ...ends, protocol: IP_PROTOCOL.udp, payload }),
      });
    };
    const COMPRESSED = 0x00fd;
    const MACSEC = 0x88e5;

    it.each<[string, CaptureFrame[]]>([
      ['asked at another address', [0.5, 1.5, 2.5].map((seconds) => asked('203.0.113.2', seconds, B))],
      [
        'rewritten by a NAT at both ends',
        [0.5, 1.5].map((seconds) => asked('10.0.2.15', seconds, '10.0.2.1')),
      ],
    ])('the other direction is there, %s', async (_how, others) => {
      expect(await resultsOf(oneSided, writePcap([...hearing(A, B), ...others]))).toEqual([]);
    });

    it.each<[string, CaptureFrame[]]>([
      ['GTP-U', unreadable(gtp)],
      [
        'compressed PPP',
        unreadable((packet) =>
          ethernet({ ...MACS, etherType: 0x8864, payload: pppoeSession(1, COMPRESSED, packet) }),
        ),
      ],
      ['MACsec', unreadable((packet) => ethernet({ ...MACS, etherType: MACSEC, payload: packet }))],
    ])('the other direction may be there, in %s', async (_how, others) => {
      // A tunnel of others, which is read, decides nothing.
      const ends = { source: '10.8.0.1', destination: '10.8.0.2' };
      const inner = tcpPacket({ from: '10.7.0.1', to: '10.7.0.2' }, [1, 1]);
      const payload = gre({ protocolType: ETHER_TYPE.ipv4, payload: inner });
      const ofOthers = frameOf(ip({ ...ends, protocol: IP_PROTOCOL.gre, payload }), 0.1);
      const parts = { dissectors: [greDissector, tcp], correlators: tcpCorrelators };
      const file = writePcap([ofOthers, ...hearing(A, B), ...others]);
      expect((await runBytes([file], parts)).judge(oneSided)).toMatchObject([
        { result: 'insufficient-data', reason: expect.stringContaining('among the 3') },
      ]);
    });

    it('frames of switches hold no packet of hosts, and one odd frame not a direction', async () => {
      const lldp = unreadable(() => ethernet({ ...MACS, etherType: 0x88cc, payload: new Uint8Array(60) }));
      expect(await resultsOf(oneSided, writePcap([...hearing(A, B), ...lldp]))).toEqual(['problem']);
    });

    it('a peer may have spoken before the first frame', async () => {
      const quote = tcpPacket({ from: B, to: A }, [1, 1]);
      const payload = Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0, ...quote.subarray(0, 28));
      const refusal = ip({ source: A, destination: B, protocol: IP_PROTOCOL.icmp, payload });
      const parts = { dissectors: [icmp, tcp], correlators: icmpCorrelators };
      const run = async (seconds: readonly number[]): Promise<string[]> =>
        (await runBytes([writePcap(seconds.map((at) => frameOf(refusal, at)))], parts))
          .judge(oneSided)
          .map(({ result }) => result);
      expect(await run([0])).toEqual([]);
      expect(await run([0, 5])).toEqual(['problem']);
    });
  });

  it('takes direction flags that are all the same', async () => {
    const inbound = Array.from({ length: 150 }, (_, i) => ({
      ...frameOf(udpPacket({ from: `192.0.2.${10 + (i % 5)}`, to: B }, i + 1), i),
      flags: 1,
    }));
    const file = writePcapng([{ interfaces: [{}], frames: inbound }]);
    expect((await problemOf(oneSided, file)).counts).toMatchObject({ inboundFrames: 150, outboundFrames: 0 });
  });
});

function isNotEsp({ bytes }: CaptureFrame): boolean {
  return bytes[23] !== IP_PROTOCOL.esp;
}

describe('capture.duplicates', () => {
  it('pairs each copy with its original', async () => {
    const { evidence, counts, severity } = await problemOf(duplicates, sample('capture-duplicates'));
    expect(severity ?? duplicates.severity).toBe('info');
    expect(counts.copies).toBeGreaterThan(0);
    expect(evidence.every(({ timeNs }) => Number.isFinite(timeNs))).toBe(true);
  });

  it('is healthy with a few copies', async () => {
    const frames = Array.from({ length: 100 }, (_, i) => frameOf(udpPacket({ from: A, to: B }, i + 1), i));
    expect(await resultsOf(duplicates, writePcap(frames))).toEqual(['healthy']);
  });
});

describe('capture.offload', () => {
  it('is not concluded from chance checksums, tags and cooked headers', async () => {
    const frames = [
      ...healthyFrames(),
      { ...frameOf(udpPacket({ from: A, to: B }), 50), originalLength: 1530 },
    ];
    expect(await resultsOf(offload, writePcap(frames))).toEqual(['healthy']);
  });

  it('takes the marks of the capture', async () => {
    const frames = healthyFrames().map((frame) => ({ ...frame, flags: 0x0200 }));
    const file = writePcapng([{ interfaces: [{}], frames }]);
    expect((await problemOf(offload, file)).counts.markedFrames).toBe(frames.length);
  });
});

describe('capture.time-anomaly', () => {
  const at = (seconds: readonly number[]): CaptureFrame[] =>
    seconds.map((second, index) => frameOf(udpPacket({ from: A, to: B }, index + 1), second));

  it.each([
    ['a clock that is set back', at([0, 1, 2, 60, 20, 21]), 'warning'],
    ['a step back by half a second', at([0, 1, 2, 1.5, 3]), 'warning'],
    ['a little disorder', at([0, 1, 1.05, 1.0, 2]), 'info'],
    ['a silence of two days', at([0, 1, 172_900, 172_901, 172_902]), 'info'],
  ])('takes %s for what it is', async (_, frames, severity) => {
    expect((await problemOf(timeAnomaly, writePcap(frames))).severity).toBe(severity);
  });

  it('takes a clock without a date for a remark', async () => {
    const frames = at([0, 1, 2]).map((frame) => ({
      ...frame,
      timeNs: frame.timeNs - START_NS + 5_000_000_000n,
    }));
    const { severity, counts } = await problemOf(timeAnomaly, writePcap(frames));
    expect({ severity, relative: counts.relativeSegments }).toEqual({ severity: 'info', relative: 1 });
  });

  it('does not mind disorder between interfaces', async () => {
    const frames = at([0, 1, 2, 1.5, 3]).map((frame, index) => ({ ...frame, interfaceIndex: index % 2 }));
    const file = writePcapng([{ interfaces: [{ name: 'a' }, { name: 'b' }], frames }]);
    expect((await problemOf(timeAnomaly, file)).severity).toBe('info');
  });

  it('is healthy in order of time', async () => {
    expect(await resultsOf(timeAnomaly, writePcap(at([0, 1, 1, 2, 4000])))).toEqual(['healthy']);
  });
});

describe('capture.too-short', () => {
  const waiting = (neededSeconds: number): Judgement => ({
    result: 'insufficient-data',
    subject: { kind: 'session' },
    reason: 'The capture ends too soon.',
    neededSeconds,
  });

  it('lists the checks that ran out of time and the longest wait', async () => {
    const earlier = new Map([
      ['ike.no-response', [waiting(10), waiting(30)]],
      ['esp.one-way-spi', [{ result: 'healthy', subject: { kind: 'tunnel' } } as const, waiting(20)]],
      [
        'ike.retry-loop',
        [{ result: 'insufficient-data', subject: { kind: 'pair' }, reason: 'cut' } as const],
      ],
    ]);
    const { counts, explanation } = await problemOf(tooShort, writePcap(healthyFrames()), earlier);
    expect(counts).toEqual({ checks: 2, neededSeconds: 30 });
    expect(explanation).toContain('ike.no-response (30 s after its trigger), esp.one-way-spi (20 s');
  });

  it('is healthy where time was not what was missing', async () => {
    const earlier = new Map([
      ['ike.no-response', [{ result: 'healthy', subject: { kind: 'session' } } as const]],
    ]);
    expect(await resultsOf(tooShort, writePcap(healthyFrames()), earlier)).toEqual(['healthy']);
  });
});

describe('capture.self-traffic', () => {
  const ssh = (count: number): CaptureFrame[] =>
    Array.from({ length: count }, (_, i) =>
      frameOf(tcpPacket({ from: A, to: B, toPort: 22 }, [1 + i * 40, 1], 40), i),
    );

  it('notices an SSH session that outweighs the rest', async () => {
    const file = writePcap([...healthyFrames(), ...ssh(400)]);
    expect((await problemOf(selfTraffic, file)).counts.sshPackets).toBe(400);
  });

  it.each([
    ['a capture of SSH alone', ssh(400)],
    ['a short login beside other traffic', [...healthyFrames(), ...ssh(20)]],
  ])('is healthy for %s', async (_, frames) => {
    expect(await resultsOf(selfTraffic, writePcap(frames))).toEqual(['healthy']);
  });
});

describe('several files', () => {
  it('are told apart by name', async () => {
    const cut = sample('capture-truncated');
    const judged = await judge(truncatedFile, [
      cut,
      writePcap(healthyFrames(), { linkType: LINK_TYPE.ethernet }),
    ]);
    const [problem] = judged.filter(({ result }) => result === 'problem');
    expect(problem?.subject).toMatchObject({ kind: 'capture', file: expect.stringMatching(/^test-/) });
    if (problem?.result === 'problem') {
      expect(problem.evidence.map(({ frame }) => captureIndexOf(frame)).every(Number.isInteger)).toBe(true);
    }
  });
});

describe('capture.undissected', () => {
  const packet = ip({ source: A, destination: B, protocol: IP_PROTOCOL.udp, payload: new Uint8Array(20) });
  const probe = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet });

  /** Ethernet in a pseudowire, so many times (RFC 4448). */
  function inPseudowires(passes: number): Uint8Array {
    let bytes = probe;
    for (let pass = 0; pass < passes; pass++) {
      const payload = concat(Uint8Array.of(0, 1, 1, 255, 0, 0, 0, 0), bytes);
      bytes = ethernet({ ...MACS, etherType: ETHER_TYPE.mpls, payload });
    }
    return bytes;
  }

  it.each([
    [8, []],
    [9, ['problem']],
    [2000, ['problem']],
  ])('%i link layers in each other', async (passes, results) => {
    const file = writePcap([{ timeNs: START_NS, bytes: inPseudowires(passes) }]);
    expect(await resultsOf(undissected, file)).toEqual(results);
  });

  it('counts frames of a link type that nobody reads, wrapped in PPI (192) or not (USB, 189)', async () => {
    const wrapped = concat(Uint8Array.of(0, 0, 8, 0, 0, 0, 1, 0), probe);
    const frames = [{ timeNs: START_NS, bytes: wrapped }];
    for (const linkType of [192, 189]) {
      const problem = await problemOf(undissected, writePcap(frames, { linkType }));
      expect(problem.counts).toMatchObject({ unknownLinkType: 1, tooDeep: 0, frames: 1 });
    }
  });
});
