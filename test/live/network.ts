import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { findProgram } from '../../src/live/programs.js';

/*
 * Two hosts in network namespaces with a bridge between them in a third, and a VXLAN tunnel of the kernel from one to
 * the other. Needs root, iproute2 and nft.
 */

export const UNDERLAY = ['198.51.100.1', '198.51.100.2'] as const;
export const OVERLAY = ['10.42.0.1', '10.42.0.2'] as const;
/** The interface of either host. */
export const INTERFACE = 'eth0';
const SENDER = `
const [local, remote, port, period] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.on('error', () => {});
const send = (dueMs) => {
  socket.send(Buffer.alloc(60, 1), Number(port), remote);
  // By the clock, so that a late timer does not delay all that follow.
  const nextMs = dueMs + Number(period);
  setTimeout(send, nextMs - performance.now(), nextMs);
};
socket.bind(Number(port), local, () => send(performance.now()));`;

/** Why no such network can be made here, or null. */
export function whyNoNetwork(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  for (const program of ['ip', 'nft', 'dumpcap', 'tcpdump']) {
    if (findProgram(program) === null) return `needs ${program}`;
  }
  const name = `capan-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name]);
  spawnSync('ip', ['netns', 'del', name]);
  return made.status === 0 ? null : 'network namespaces cannot be made here';
}

export class TestNetwork {
  private readonly children: ChildProcess[] = [];

  constructor(private readonly name = `capan${process.pid}`) {
    for (const host of ['a', 'b', 'm']) {
      run('ip', 'netns', 'add', this.namespace(host));
      this.ip(host, 'link', 'set', 'lo', 'up');
    }
    this.ip('m', 'link', 'add', 'br0', 'type', 'bridge');
    this.ip('m', 'link', 'set', 'br0', 'up');
    for (const [index, host] of ['a', 'b'].entries()) {
      const port = `p${host}`;
      const to = this.namespace('m');
      this.ip(host, 'link', 'add', INTERFACE, 'type', 'veth', 'peer', 'name', port, 'netns', to);
      this.ip('m', 'link', 'set', port, 'master', 'br0', 'up');
      this.ip(host, 'addr', 'add', `${UNDERLAY[index]}/24`, 'dev', INTERFACE);
      this.ip(host, 'link', 'set', INTERFACE, 'up');
      const ends = ['local', UNDERLAY[index], 'remote', UNDERLAY[1 - index]];
      this.ip(host, 'link', 'add', 'vx0', 'type', 'vxlan', 'id', '42', 'dstport', '4789', ...ends);
      this.ip(host, 'addr', 'add', `${OVERLAY[index]}/24`, 'dev', 'vx0');
      this.ip(host, 'link', 'set', 'vx0', 'up');
    }
  }

  namespace(host: string): string {
    return `${this.name}${host}`;
  }

  /** Configures a host with iproute2. */
  ip(host: string, ...args: string[]): void {
    run('ip', '-n', this.namespace(host), ...args);
  }

  /** Runs a program on a host until it ends or the network is removed. */
  start(host: string, program: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(host), program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.push(child);
    return child;
  }

  /** Datagrams of one length through the tunnel, both ways, every `periodMs`; pings beside them where there is ping. */
  startKeepalives(port: number, periodMs: number): void {
    for (const [index, host] of ['a', 'b'].entries()) {
      const words = [OVERLAY[index], OVERLAY[1 - index], String(port), String(periodMs)];
      this.start(host, process.execPath, '-e', SENDER, ...words);
    }
    const ping = findProgram('ping');
    if (ping !== null) this.start('a', ping, '-q', '-i', '0.5', OVERLAY[1]);
  }

  /** Drops VXLAN from b to a on the bridge, after b has sent it. */
  cut(): void {
    const rules =
      'add table netdev cut; add chain netdev cut in { type filter hook ingress device pb priority 0; }; ' +
      'add rule netdev cut in udp dport 4789 counter drop';
    run('ip', 'netns', 'exec', this.namespace('m'), 'nft', rules);
  }

  mend(): void {
    run('ip', 'netns', 'exec', this.namespace('m'), 'nft', 'delete table netdev cut');
  }

  remove(): void {
    for (const child of this.children) child.kill('SIGKILL');
    for (const host of ['a', 'b', 'm']) spawnSync('ip', ['netns', 'del', this.namespace(host)]);
  }
}

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(findProgram(program) ?? program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
