import type { SampleCapture } from './sample-capture.js';

/*
 * Texts that people paste: what tcpdump printed of packets, with prompts and other output around it.
 */

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A link whose far side is silent: one small packet a second, none back, while the pings pass. */
function silentLink(): string {
  const lines = [
    '$ sudo tcpdump -n -i tun0',
    'listening on tun0, link-type RAW (Raw IP), snapshot length 262144 bytes',
  ];
  for (let second = 0; second < 40; second++) {
    const at = `13:01:${String(second).padStart(2, '0')}`;
    lines.push(`${at}.314913 IP 10.0.8.8.50000 > 10.0.8.1.50015: UDP, length 81`);
    if (second % 10 !== 5) continue;
    lines.push(`${at}.400000 IP 10.0.8.8 > 10.0.8.1: ICMP echo request, id 7, seq ${second}, length 64`);
    lines.push(`${at}.410000 IP 10.0.8.1 > 10.0.8.8: ICMP echo reply, id 7, seq ${second}, length 64`);
  }
  return `${lines.join('\n')}\n^C\n48 packets captured\n48 packets received by filter\n0 packets dropped by kernel\n`;
}

/** Both directions of an SA, and pings in the clear beside it. */
function healthyTunnel(): string {
  const lines = ['# tcpdump -n -tttt -i eth1 host 198.51.100.7'];
  for (let second = 0; second < 40; second++) {
    const at = `2026-03-02 22:14:${String(second).padStart(2, '0')}`;
    const sequence = `0x${(second + 1).toString(16)}`;
    lines.push(`${at}.100000 IP 192.0.2.1 > 198.51.100.7: ESP(spi=0xc36bd018,seq=${sequence}), length 136`);
    lines.push(`${at}.112000 IP 198.51.100.7 > 192.0.2.1: ESP(spi=0x3d2f1b07,seq=${sequence}), length 136`);
  }
  return `${lines.join('\n')}\n`;
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'lines-silent-link.txt',
    shows: 'lines of tcpdump: keepalives of one side of a link alone, while pings pass',
    must: ['capture.lines-only', 'keepalive.one-way'],
    healthy: false,
    allow: ['scion.*', 'keepalive.*', 'capture.*'],
    write: () => encoded(silentLink()),
  },
  {
    file: 'lines-healthy.txt',
    shows: 'lines of tcpdump: ESP in both directions',
    must: ['capture.lines-only'],
    healthy: true,
    allow: ['capture.*'],
    write: () => encoded(healthyTunnel()),
  },
];
