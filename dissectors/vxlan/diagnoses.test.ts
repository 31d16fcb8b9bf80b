import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  APP_A,
  APP_B,
  CELL_A,
  innerConnection,
  innerPing,
  innerSyns,
  sendInner,
  VTEP_A,
  VTEP_B,
} from '../../captures/cases/overlay-network.js';
import { captures as overlayCaptures } from '../../captures/cases/overlays.js';
import { captures as silkCaptures } from '../../captures/cases/silk.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { analyzeSource } from '../../src/commands/run-analysis.js';
import { type Finding, type Report, reportSchema } from '../../src/report/report.js';
import { zeros } from '../../test/build/bytes.js';
import { DNS_TYPE, dnsQuery, dnsResponse } from '../../test/build/dns.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { reportFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { SAMPLE, sampleOf } from '../../test/sampling.js';
import { catalogue } from '../index.js';

/*
 * Verdicts about tunnels over the whole way: the captures that ship, variations of them, and the lab.
 */

const OWN = /^(vxlan|overlay|silk)\./;

const own = ({ findings }: Report): Finding[] => findings.filter(({ id }) => OWN.test(id));
const loud = (report: Report): string[] =>
  own(report)
    .filter(({ severity }) => severity !== 'info')
    .map(({ id }) => id);

async function reportOf(build: (t: Timeline) => void, seconds = 40): Promise<Report> {
  const t = siteTimeline('variation', PUBLIC_SITE, seconds);
  build(t);
  const report = await reportFrames(t.frames(), catalogue);
  expect(report.errors).toEqual([]);
  return report;
}

async function analyzeBytes(bytes: Uint8Array): Promise<Report> {
  const source = await openCaptureSource([{ name: 'sample', stream: pieces(bytes) }]);
  try {
    return await analyzeSource(source, catalogue, { threads: 0 });
  } finally {
    await source.close();
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe.each([...overlayCaptures, ...silkCaptures])('$file', ({ must, healthy, write }) => {
  it('is told what it shows', async () => {
    const report = await analyzeBytes(write());
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    const ids = own(report).map(({ id }) => id);
    for (const id of must) expect(ids).toContain(id);
    if (healthy) expect(loud(report)).toEqual([]);
    for (const { evidence, explanation, counts } of own(report)) {
      expect(evidence.length).toBeGreaterThan(0);
      expect(explanation).not.toMatch(/NaN|undefined|null/);
      expect(Object.values(counts).every(Number.isFinite)).toBe(true);
    }
  });
});

describe('vxlan.no-return', () => {
  const silent = { isAnswered: () => false };

  it('says since when, how many, and what was good last', async () => {
    // Of the last two requests the reply could still come after the end of the capture.
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 30, identifier: 1, isAnswered: (i) => i < 9 });
    });
    const [finding] = own(report);
    expect(finding).toMatchObject({
      id: 'vxlan.no-return',
      severity: 'error',
      ongoingAtEnd: true,
      counts: { requests: 19, echo: 19, answeredBefore: 9, packetsBack: 9 },
    });
    expect(finding.lastGood?.frame).toBeLessThan(finding.evidence[1].frame);
  });

  it('stays silent where only one host of several is dead', async () => {
    const dead = { ...APP_B, address: '10.255.144.99' };
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 30, identifier: 1 });
      innerPing(t, VTEP_A, dead, { at: 2.3, count: 30, identifier: 2, ...silent });
    });
    expect(loud(report)).toEqual([]);
  });

  it('stays silent where the tunnel ends with a target that never answered', async () => {
    const report = await reportOf((t) => {
      innerConnection(t, APP_A, APP_B, { at: 2, clientPort: 50_001, serverPort: 8080 });
      innerPing(
        t,
        APP_A,
        { ...APP_B, address: '10.255.144.99' },
        { at: 10, count: 10, identifier: 2, ...silent },
      );
    });
    expect(loud(report)).toEqual([]);
  });

  it('takes no answer of UDP port 53 for one of TCP port 53', async () => {
    const question = { id: 7, name: 'big.example', type: DNS_TYPE.aaaa };
    const query = udp({
      source: APP_A.address,
      destination: APP_B.address,
      sourcePort: 40_000,
      destinationPort: 53,
      payload: dnsQuery(question),
    });
    const answer = udp({
      source: APP_B.address,
      destination: APP_A.address,
      sourcePort: 53,
      destinationPort: 40_000,
      payload: dnsResponse(question),
    });
    const report = await reportOf((t) => {
      for (let at = 2; at < 32; at += 7) {
        sendInner(t, at, APP_A, APP_B, IP_PROTOCOL.udp, query);
        sendInner(t, at + 0.001, APP_B, APP_A, IP_PROTOCOL.udp, answer);
      }
      innerSyns(t, APP_A, APP_B, { at: 30.1, clientPort: 50_001, serverPort: 53 });
    });
    expect(own(report).map(({ id }) => id)).not.toContain('vxlan.no-return');
  });

  it('stays silent where larger pings fail and small ones pass', async () => {
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 20, identifier: 1 });
      innerPing(t, VTEP_A, VTEP_B, { at: 2.5, count: 12, identifier: 2, dataLength: 1400, ...silent });
    });
    expect(loud(report)).toEqual([]);
  });

  it('stays silent about one-way streams that ask for no answer', async () => {
    const syslog = udp({
      source: APP_A.address,
      destination: APP_B.address,
      sourcePort: 514,
      destinationPort: 514,
      payload: zeros(200),
    });
    const report = await reportOf((t) => {
      for (let i = 0; i < 60; i++) sendInner(t, 2 + i * 0.5, APP_A, APP_B, IP_PROTOCOL.udp, syslog);
    });
    expect(loud(report)).toEqual([]);
    expect(report.checked.find(({ id }) => id === 'vxlan.no-return')?.result).toBe('insufficient-data');
  });

  it('stays silent about traffic that is mirrored into a tunnel', async () => {
    const report = await reportOf((t) => {
      for (let i = 0; i < 8; i++) {
        const ports = {
          source: APP_A.address,
          destination: APP_B.address,
          sourcePort: 50_000 + i,
          destinationPort: 80,
        };
        const syn = tcp({ ...ports, sequence: 1, flags: ['SYN'] });
        sendInner(t, 2 + i, APP_A, APP_B, IP_PROTOCOL.tcp, syn);
        const refused = tcp({
          source: APP_B.address,
          destination: APP_A.address,
          sourcePort: 80,
          destinationPort: 50_000 + i,
          sequence: 0,
          acknowledgment: 2,
          flags: ['RST', 'ACK'],
        });
        sendInner(
          t,
          2.001 + i,
          { ...APP_B, cell: CELL_A },
          { ...APP_A, cell: APP_B.cell },
          IP_PROTOCOL.tcp,
          refused,
        );
      }
      innerPing(t, APP_A, APP_B, { at: 3, count: 10, identifier: 4, ...silent });
    });
    expect(loud(report)).toEqual([]);
    expect(report.tunnels.find(({ kind }) => kind === 'vxlan')?.state).toBe('mirror');
  });

  it('does not trust a capture that holds one direction only', async () => {
    const report = await reportOf((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 10, identifier: 1, ...silent });
      for (let i = 0; i < 8; i++) {
        const segment = tcp({
          source: APP_A.address,
          destination: APP_B.address,
          sourcePort: 50_001,
          destinationPort: 80,
          sequence: 1000 + i * 100,
          acknowledgment: 7000 + i * 500,
          flags: ['ACK'],
          payload: zeros(100),
        });
        sendInner(t, 3 + i, APP_A, APP_B, IP_PROTOCOL.tcp, segment);
      }
    });
    expect(loud(report)).toEqual([]);
    expect(report.checked.find(({ id }) => id === 'vxlan.no-return')?.result).toBe('insufficient-data');
  });

  it('names ports and VNIs that differ as the cause', async () => {
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 14, identifier: 1, ...silent });
      innerPing(t, VTEP_B, VTEP_A, { at: 2.5, count: 9, identifier: 2, vni: 2, ...silent });
    }, 20);
    const consequences = own(report).filter(({ id }) => id === 'vxlan.no-return');
    expect(consequences).toHaveLength(2);
    for (const { causedBy } of consequences) expect(causedBy?.[0]).toMatch(/^vxlan\.vni-mismatch:/);
  });
});

describe('vxlan.vni-mismatch', () => {
  const silent = { isAnswered: () => false };
  const asked = (t: Timeline, seconds = 14): void =>
    innerPing(t, VTEP_A, VTEP_B, { at: 2, count: seconds, identifier: 1, ...silent });
  const news = (t: Timeline, vni: number): void => {
    const other = { ...APP_B, cell: { ...APP_B.cell, mac: '02:00:00:00:00:99' } };
    innerPing(
      t,
      other,
      { ...APP_A, cell: { ...APP_A.cell, mac: '33:33:00:00:00:02' } },
      {
        at: 2.5,
        count: 2,
        identifier: 2,
        vni,
        ...silent,
      },
    );
  };

  it('is of low confidence where only the two ends tell that both are one network', async () => {
    const report = await reportOf((t) => {
      asked(t);
      news(t, 2);
    }, 20);
    expect(own(report).find(({ id }) => id === 'vxlan.vni-mismatch')).toMatchObject({
      confidence: 'low',
    });
  });

  it('says nothing where a third VNI is used between the two, or the silence is short', async () => {
    const third = await reportOf((t) => {
      asked(t);
      news(t, 2);
      news(t, 3);
    }, 20);
    const short = await reportOf((t) => {
      asked(t, 8);
      news(t, 2);
    }, 20);
    for (const report of [third, short])
      expect(own(report).map(({ id }) => id)).not.toContain('vxlan.vni-mismatch');
  });
});

describe('vxlan.loss', () => {
  const burst = (i: number): boolean => i < 40 || i > 61;

  it('stays silent where another ping goes through meanwhile', async () => {
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, {
        at: 2,
        count: 120,
        identifier: 1,
        intervalSeconds: 0.2,
        isAnswered: burst,
      });
      innerPing(t, VTEP_A, APP_B, { at: 2.1, count: 120, identifier: 2, intervalSeconds: 0.2 });
    });
    expect(loud(report)).toEqual([]);
  });

  it('blames the tunnel where several hosts behind it fail at once', async () => {
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, {
        at: 2,
        count: 120,
        identifier: 1,
        intervalSeconds: 0.2,
        isAnswered: burst,
      });
      innerPing(t, VTEP_A, APP_B, {
        at: 2.1,
        count: 120,
        identifier: 2,
        intervalSeconds: 0.2,
        isAnswered: burst,
      });
    });
    expect(own(report)).toMatchObject([{ id: 'vxlan.loss', counts: { lost: 44, hosts: 2, bursts: 2 } }]);
  });
});

describe('policies', () => {
  it('are blamed for SYNs that vanish with one id and not with another', async () => {
    const report = await reportOf((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 5, identifier: 1, tag: 3 });
      innerSyns(t, APP_A, APP_B, { at: 8, clientPort: 50_001, serverPort: 8080, tag: 3 });
      innerConnection(t, APP_A, APP_B, { at: 20, clientPort: 50_002, serverPort: 8080, tag: 7 });
    });
    expect(own(report)).toMatchObject([
      {
        id: 'overlay.policy-reject',
        counts: { packets: 4, refusedId: 3, acceptedId: 7 },
        confidence: 'medium',
      },
    ]);
  });

  it('are not blamed for a refused port', async () => {
    const report = await reportOf((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 5, identifier: 1, tag: 3 });
      for (let i = 0; i < 4; i++) {
        const ports = { sourcePort: 50_000 + i, destinationPort: 8080 };
        const syn = tcp({
          source: APP_A.address,
          destination: APP_B.address,
          ...ports,
          sequence: 1,
          flags: ['SYN'],
        });
        sendInner(t, 8 + i, APP_A, APP_B, IP_PROTOCOL.tcp, syn, { tag: 3 });
        const reset = tcp({
          source: APP_B.address,
          destination: APP_A.address,
          sourcePort: 8080,
          destinationPort: 50_000 + i,
          sequence: 0,
          acknowledgment: 2,
          flags: ['RST', 'ACK'],
        });
        sendInner(t, 8.001 + i, APP_B, APP_A, IP_PROTOCOL.tcp, reset, { tag: 3 });
      }
    });
    expect(loud(report)).toEqual([]);
  });

  it('are information where the client gets through later', async () => {
    const report = await reportOf((t) => {
      innerSyns(t, APP_A, APP_B, {
        at: 3,
        clientPort: 50_001,
        serverPort: 8080,
        repeats: [],
        tag: 3,
        isRejected: true,
      });
      innerConnection(t, APP_A, APP_B, { at: 9, clientPort: 50_002, serverPort: 8080, tag: 3 });
    });
    expect(own(report)).toMatchObject([{ id: 'overlay.policy-reject', severity: 'info' }]);
  });
});

describe('vxlan.reserved-bits', () => {
  it('is information where the peer answers', async () => {
    const t = siteTimeline('reserved', PUBLIC_SITE, 20);
    innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 10, identifier: 1 });
    const frames = t.frames().map((frame) => {
      // Bytes 42 to 49 of a frame to 4789 are the header: the last one is reserved.
      const isTunnel = frame.bytes[23] === IP_PROTOCOL.udp && frame.bytes[36] === 0x12;
      if (isTunnel && frame.bytes[29] === 1) frame.bytes[49] = 0x40;
      return frame;
    });
    const report = await reportFrames(frames, catalogue);
    expect(own(report)).toMatchObject([
      { id: 'vxlan.reserved-bits', severity: 'info', counts: { packets: 10 } },
    ]);
  });
});

describe('kind: a convention is no proof', () => {
  it('answered pings of the tunnel end say nothing of tags that an application behind it does not answer', async () => {
    const build = (pinged: typeof APP_B) => (t: Timeline) => {
      innerPing(t, VTEP_A, pinged, { at: 2, count: 6, identifier: 1 });
      for (const [i, at] of [10, 14, 18].entries())
        innerSyns(t, APP_A, APP_B, { at, clientPort: 50_001 + i, serverPort: 8080, tag: 3 });
    };
    const loud = async (pinged: typeof APP_B): Promise<string[]> =>
      (await reportOf(build(pinged))).findings
        .filter(({ id, severity }) => id === 'vxlan.reserved-bits' && severity !== 'info')
        .map(({ severity }) => severity);
    expect(await loud(VTEP_B)).toEqual([]);
    expect(await loud(APP_B)).not.toEqual([]);
  });
});

describe('vxlan.port-mismatch', () => {
  /** A VXLAN packet to port 4789 of the peer, and its port unreachable. */
  const refuse = (t: Timeline, at: number): void => {
    sendInner(t, at, VTEP_A, VTEP_B, IP_PROTOCOL.icmp, zeros(64));
    const quoted = udp({
      source: PUBLIC_SITE.local.address,
      destination: PUBLIC_SITE.peer.address,
      sourcePort: 50_000,
      destinationPort: 4789,
      payload: zeros(8),
    });
    const outer = t.sendIp(at + 0.1, PUBLIC_SITE.local, PUBLIC_SITE.peer, IP_PROTOCOL.udp, quoted);
    t.sendIp(at + 0.2, PUBLIC_SITE.peer, PUBLIC_SITE.local, IP_PROTOCOL.icmp, icmpError(3, 3, outer));
  };

  it('is information where a single refusal is followed by packets of the peer', async () => {
    const report = await reportOf((t) => {
      refuse(t, 2);
      innerPing(t, VTEP_A, VTEP_B, { at: 5, count: 8, identifier: 1 });
    });
    expect(own(report)).toMatchObject([{ id: 'vxlan.port-mismatch', severity: 'info' }]);
  });

  it('does not call the ports different where the peer uses the refused one itself', async () => {
    const report = await reportOf((t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 4, identifier: 1 });
      for (const at of [7, 8, 9, 10]) refuse(t, at);
    });
    expect(own(report).filter(({ id }) => id === 'vxlan.port-mismatch')).toMatchObject([
      { severity: 'error', title: 'Nobody listens on the VXLAN port of the peer' },
    ]);
  });
});

const lab = resolve(import.meta.dirname, '../../../shared/captures/lab');
const scenarios = existsSync(lab) ? readdirSync(lab) : [];

describe.skipIf(scenarios.length === 0)(
  `lab captures (${scenarios.length === 0 ? 'not at hand' : 'at hand'})`,
  () => {
    const analyzeFile = async (file: string): Promise<Report> => {
      const source = await openCaptureSource([join(lab, file)]);
      try {
        return await analyzeSource(source, catalogue, { threads: 0 });
      } finally {
        await source.close();
      }
    };

    it.each([
      ['vxlan-one-way/a.pcap', 'vxlan.no-return', { requests: 46, echo: 40, syn: 6, answeredBefore: 8 }],
      ['vxlan-loss-burst/a.pcap', 'vxlan.loss', { lost: 29, requests: 200, answered: 171 }],
      [
        'vxlan-vni-mismatch/a.pcap',
        'vxlan.vni-mismatch',
        { packetsThere: 10, packetsBack: 26, requests: 36 },
      ],
      ['vxlan-gbp-denied/a.pcap', 'overlay.policy-reject', { packets: 7, refusedId: 3, acceptedId: 7 }],
      ['vxlan-gbp-healthy/a.pcap', 'overlay.mtu-exceeded', { fragmented: 5, complete: 5, incomplete: 0 }],
      ['vxlan-mtu-icmp/a.pcap', 'overlay.mtu-exceeded', { reports: 1, reportedMtu: 1500 }],
    ])('%s shows %s', async (file, id, counts) => {
      const finding = own(await analyzeFile(file)).find((one) => one.id === id);
      expect(finding?.counts).toMatchObject(counts);
    });

    const others = scenarios
      .filter((scenario) => !scenario.startsWith('vxlan-'))
      .flatMap((scenario) => readdirSync(join(lab, scenario)).map((file) => `${scenario}/${file}`))
      .filter((file) => /\.pcap(ng)?$/.test(file));

    it('gives no alarm about tunnels in any other scenario', async () => {
      const alarms: string[] = [];
      for (const file of sampleOf(others, 25, 'tunnel alarms'))
        for (const id of loud(await analyzeFile(file))) alarms.push(`${file}: ${id}`);
      expect(alarms, SAMPLE).toEqual([]);
    }, 180_000);
  },
);
