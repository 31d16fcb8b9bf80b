import type { Checked, Finding, Report, Tunnel } from '../src/report/report.js';

/* Hand-made reports for the tests of src/report and src/commands. */

const A = '10.1.1.1';
const B = '10.2.2.2';

export function finding(changes: Partial<Finding> = {}): Finding {
  return {
    key: 'esp.one-way-spi-5f3a',
    id: 'esp.one-way-spi',
    severity: 'error',
    confidence: 'high',
    title: 'ESP from 10.2.2.2 to 10.1.1.1 stopped',
    explanation:
      '10.1.1.1 kept sending ESP with SPI 0xaa6fa19a, and nothing came back for 40 s, although ESP came back for 20 s before that.',
    subject: { kind: 'tunnel', endpoints: [A, B], spi: '0xaa6fa19a' },
    tunnel: 'ipsec-1',
    direction: { from: B, to: A },
    where: 'unknown',
    first: '2024-05-01T12:00:31.123456789Z',
    last: '2024-05-01T12:01:11.000000000Z',
    lastGood: { frame: 87, time: '2024-05-01T12:00:30.900000000Z' },
    ongoingAtEnd: true,
    counts: { packetsOut: 80, packetsBack: 0 },
    thresholds: { packetsMin: 10, secondsMin: 10 },
    evidence: [
      {
        capture: 0,
        frame: 87,
        time: '2024-05-01T12:00:30.900000000Z',
        relativeSeconds: 30.9,
        summary: 'last ESP from 10.2.2.2, SPI 0x182ddd4c, sequence 41',
      },
      {
        capture: 0,
        frame: 89,
        time: '2024-05-01T12:00:31.123456789Z',
        relativeSeconds: 31.123456789,
        summary: 'ESP from 10.1.1.1, SPI 0xaa6fa19a, sequence 42, unanswered',
      },
    ],
    displayFilter: 'ip.addr == 10.1.1.1 && ip.addr == 10.2.2.2 && esp && frame.number in {87, 89}',
    causes: [
      'A firewall or NAT on the way drops IP protocol 50 in this direction.',
      'No route or no answering host behind 10.2.2.2.',
    ],
    nextSteps: [
      "On 10.2.2.2: tcpdump -ni IFACE 'ip proto 50 and host 10.1.1.1', to see whether ESP leaves it.",
      'If it leaves, ask whoever runs the firewall between the two.',
    ],
    refutedBy: 'ESP from 10.2.2.2 in a capture of the same time taken at 10.1.1.1.',
    limitedBy: [],
    ...changes,
  };
}

export function tunnel(changes: Partial<Tunnel> = {}): Tunnel {
  return {
    id: 'ipsec-1',
    kind: 'ipsec',
    endpoints: [A, B],
    key: ['0xaa6fa19a', '0x182ddd4c'],
    directions: [
      {
        from: A,
        to: B,
        packets: 122,
        bytes: 18_432,
        first: '2024-05-01T12:00:01.000000000Z',
        last: '2024-05-01T12:01:11.000000000Z',
      },
      {
        from: B,
        to: A,
        packets: 41,
        bytes: 6_150,
        first: '2024-05-01T12:00:01.020000000Z',
        last: '2024-05-01T12:00:30.900000000Z',
      },
    ],
    state: 'one way since 12:00:31',
    ...changes,
  };
}

export function checked(id: string, result: Checked['result'], changes: Partial<Checked> = {}): Checked {
  return {
    id,
    result,
    subjects: {
      problem: result === 'problem' ? 1 : 0,
      healthy: result === 'healthy' ? 1 : 0,
      insufficient: result === 'insufficient-data' ? 1 : 0,
    },
    ...changes,
  };
}

/** A tunnel that went one way, with a consequence, a remark, a limit and checks of every result. */
export function brokenReport(changes: Partial<Report> = {}): Report {
  return {
    schema: 'capan-report/1',
    tool: { name: 'capan', version: '0.1.0' },
    command: 'analyze',
    captures: [
      {
        file: 'sg1.pcap',
        format: 'pcap',
        linkTypes: ['ETHERNET'],
        frames: 176,
        records: 176,
        bytes: 31_530,
        clock: 'absolute',
        firstTime: '2024-05-01T12:00:00.000000000Z',
        lastTime: '2024-05-01T12:01:11.000000000Z',
        snaplen: 96,
      },
    ],
    quality: [{ id: 'capture.snaplen', detail: '12 frames were cut at 96 bytes' }],
    tunnels: [
      tunnel(),
      tunnel({
        id: 'vxlan-1',
        kind: 'vxlan',
        key: 7,
        encapsulatedIn: 'ipsec-1',
        endpoints: ['fd00::1:2', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff'],
        directions: [],
        state: 'silent',
      }),
    ],
    findings: [
      finding({
        key: 'frag.reverse-order-1',
        id: 'frag.reverse-order',
        severity: 'info',
        title: 'Fragments come last one first',
        explanation: 'Old Linux kernels send the last fragment first; nothing is missing.',
        subject: { kind: 'pair', endpoints: [A, B] },
        lastGood: null,
      }),
      finding({
        key: 'tcp.stalled-1',
        id: 'tcp.stalled',
        severity: 'warning',
        title: 'TCP from 192.168.1.5:41000 to 192.168.2.7:443 makes no progress',
        causedBy: ['esp.one-way-spi-5f3a'],
      }),
      finding(),
    ],
    checked: [
      checked('esp.one-way-spi', 'problem'),
      checked('esp.loss', 'healthy', { subjects: { problem: 0, healthy: 2, insufficient: 0 } }),
      checked('esp.reorder', 'healthy'),
      checked('ike.no-response', 'healthy'),
      checked('ike.retry-loop', 'insufficient-data', {
        reason:
          'the capture lasts 71 s; a capture of 10 minutes or more shows whether keying starts over again and again.',
      }),
      checked('openvpn.no-response', 'not-applicable'),
      checked('scion.echo-loss', 'not-applicable'),
    ],
    errors: [],
    ...changes,
  };
}

export function healthyReport(changes: Partial<Report> = {}): Report {
  const report = brokenReport();
  return {
    ...report,
    quality: [],
    tunnels: [tunnel({ state: 'up' })],
    findings: [],
    checked: report.checked.filter((check) => check.result !== 'problem'),
    ...changes,
  };
}
