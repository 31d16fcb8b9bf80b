import { describe, expect, it } from 'vitest';
import { namedTimeline } from '../../captures/cases/sites.js';
import { random } from '../../test/build/bytes.js';
import { compareEnds } from '../../test/build/compare-ends.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { ikev2Session } from '../../test/build/scenario-ike.js';
import { mssOption, type TcpFlag, tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';

const [NEAR, FAR] = ['10.1.0.10', '10.2.0.20'];
const START_NS = 1_790_000_000_000_000_000n;

/** Packets that leave one end and, unless they are lost, arrive at the other 4 ms later. */
class Path {
  private readonly frames: { a: TestFrame[]; b: TestFrame[] } = { a: [], b: [] };
  private identification = 1;

  send(seconds: number, isForward: boolean, protocol: number, payload: Uint8Array, isLost = false): void {
    const [source, destination] = isForward ? [NEAR, FAR] : [FAR, NEAR];
    const packet = ipv4({ source, destination, protocol, identification: this.identification++, payload });
    this.put(isForward ? 'a' : 'b', seconds, packet);
    if (!isLost) this.put(isForward ? 'b' : 'a', seconds + 0.004, packet);
  }

  put(side: 'a' | 'b', seconds: number, packet: Uint8Array): void {
    const macs = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
    const timeNs = START_NS + BigInt(Math.round(seconds * 1e9));
    this.frames[side].push({
      timeNs,
      bytes: ethernet({ ...macs, etherType: ETHER_TYPE.ipv4, payload: packet }),
    });
  }

  ping(seconds: number): void {
    for (const isForward of [true, false]) {
      const data = new Uint8Array(56);
      const echo = icmpEcho({ reply: !isForward, identifier: 3, sequence: Math.floor(seconds * 10), data });
      this.send(seconds + (isForward ? 0 : 0.01), isForward, IP_PROTOCOL.icmp, echo);
    }
  }

  segment(
    seconds: number,
    isForward: boolean,
    port: number,
    flags: readonly TcpFlag[],
    isLost = false,
    service = 80,
  ): void {
    const [source, destination] = isForward ? [NEAR, FAR] : [FAR, NEAR];
    const isAnswer = flags.includes('ACK');
    const ports = isAnswer ? [service, port] : [port, service];
    const numbers = isAnswer
      ? { sequence: 9000, acknowledgment: 5001 }
      : { sequence: 5000, acknowledgment: 0 };
    const options = mssOption(1460);
    const bytes = tcp({
      source,
      destination,
      sourcePort: ports[0],
      destinationPort: ports[1],
      ...numbers,
      flags,
      options,
    });
    this.send(seconds, isForward, IP_PROTOCOL.tcp, bytes, isLost);
  }

  ends(): { a: TestFrame[]; b: TestFrame[] } {
    const inOrder = (frames: TestFrame[]): TestFrame[] => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
    return { a: inOrder(this.frames.a), b: inOrder(this.frames.b) };
  }

  async ids(): Promise<string[]> {
    const { findings } = await compareEnds(this.ends());
    return findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
  }
}

/** Connection attempts of A whose SYNs arrive. */
function attempts(path: Path, isForward: boolean, answer: 'none' | 'lost', service = 80): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    for (const wait of [0, 1, 3]) {
      const seconds = 2 + attempt * 8 + wait;
      path.segment(seconds, isForward, 40_000 + attempt, ['SYN'], false, service);
      if (answer === 'lost')
        path.segment(seconds + 0.006, !isForward, 40_000 + attempt, ['SYN', 'ACK'], true, service);
    }
  }
}

describe('one pair of hosts and one id are not one statement', () => {
  it('says local-drop where requests arrive and nothing answers them', async () => {
    const path = new Path();
    for (let at = 0; at < 40; at++) path.ping(at);
    attempts(path, true, 'none');
    expect(await path.ids()).toContain('underlay.local-drop');
  });

  it('takes ICMP port unreachable for the answer that it is', async () => {
    const idsOf = (isRefused: boolean): Promise<string[]> => {
      const path = new Path();
      const message = ikev2Session(namedTimeline('refused'), {
        initiator: { address: NEAR, mac: '02:00:00:00:00:0a', ttl: 64 },
        responder: { address: FAR, mac: '02:00:00:00:00:0b', ttl: 64 },
      }).messages.initRequest;
      for (let at = 0; at < 60; at++) path.ping(at);
      for (const at of [2, 6, 13.2, 26]) {
        const ports = { source: NEAR, destination: FAR, sourcePort: 500, destinationPort: 500 };
        const datagram = udp({ ...ports, payload: message });
        path.send(at, true, IP_PROTOCOL.udp, datagram);
        if (!isRefused) continue;
        const quoted = ipv4({ source: NEAR, destination: FAR, protocol: IP_PROTOCOL.udp, payload: datagram });
        path.send(at + 0.01, false, IP_PROTOCOL.icmp, icmpError(3, 3, quoted));
      }
      return path.ids();
    };
    expect(await idsOf(false)).toContain('underlay.local-drop');
    const refused = await idsOf(true);
    expect(refused).toContain('ike.port-unreachable');
    expect(refused).not.toContain('underlay.local-drop');
  });

  it("takes B's own unanswered requests for no sign that B does not answer A", async () => {
    const path = new Path();
    for (let at = 0; at < 40; at++) path.ping(at);
    attempts(path, true, 'lost');
    // B asks A on another port, and gets no answer either: those SYNs are lost.
    for (let attempt = 0; attempt < 3; attempt++)
      for (const wait of [0, 1, 3])
        path.segment(2.5 + attempt * 8 + wait, false, 50_000 + attempt, ['SYN'], true, 22);
    expect(await path.ids()).not.toContain('underlay.local-drop');
  });

  it('takes answers that leave and get lost for no silence', async () => {
    const path = new Path();
    for (let at = 0; at < 40; at++) path.ping(at);
    attempts(path, true, 'lost');
    expect(await path.ids()).not.toContain('underlay.local-drop');
  });
});

describe('large packets that do not arrive', () => {
  const large = (path: Path, isReported: boolean): void => {
    const numbers = random(4);
    for (let index = 0; index < 60; index++) {
      const payload = numbers.bytes(index % 4 === 0 ? 1400 : 200);
      const ports = { source: NEAR, destination: FAR, sourcePort: 5000, destinationPort: 5001 };
      const datagram = udp({ ...ports, payload });
      const isLost = payload.length > 1000;
      path.send(index * 0.5, true, IP_PROTOCOL.udp, datagram, isLost);
      path.ping(index * 0.5 + 0.2);
      if (!isLost || !isReported) continue;
      const quoted = ipv4({
        source: NEAR,
        destination: FAR,
        protocol: IP_PROTOCOL.udp,
        payload: datagram,
      });
      const report = icmpError(3, 4, quoted, { parameter: 1300 });
      path.put(
        'a',
        index * 0.5 + 0.001,
        ipv4({ source: '10.1.0.1', destination: NEAR, protocol: IP_PROTOCOL.icmp, payload: report }),
      );
    }
  };

  it('vanish in a black hole where nobody reports it', async () => {
    const path = new Path();
    large(path, false);
    expect(await path.ids()).toContain('mtu.blackhole');
  });

  it('do not where a router reports what fits: the sender is told', async () => {
    const path = new Path();
    large(path, true);
    expect(await path.ids()).not.toContain('mtu.blackhole');
  });

  it('are no limit of size where nothing of their port arrives', async () => {
    const path = new Path();
    const numbers = random(9);
    for (let index = 0; index < 60; index++) {
      path.ping(index * 0.5);
      const ports = { source: NEAR, destination: FAR, sourcePort: 4500, destinationPort: 4500 };
      path.send(
        index * 0.5 + 0.1,
        true,
        IP_PROTOCOL.udp,
        udp({ ...ports, payload: numbers.bytes(1200) }),
        true,
      );
    }
    const ids = await path.ids();
    expect(ids).not.toContain('mtu.blackhole');
    expect(ids).toContain('underlay.selective-loss');
  });
});
