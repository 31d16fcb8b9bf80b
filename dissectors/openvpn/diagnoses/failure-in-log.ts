import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { cite } from '../../../src/wording/citations.js';
import { PORT } from '../layout.js';
import openvpnLogs, { type OpenvpnEvent, type OpenvpnEventKind } from '../side-files/openvpn-log.js';

interface Reason {
  readonly title: string;
  readonly conclusion: string;
  readonly steps: readonly string[];
}

/** The most telling first. */
const REASONS: ReadonlyMap<OpenvpnEventKind, Reason> = new Map([
  [
    'auth-failed',
    {
      title: 'OpenVPN server refuses the credentials',
      conclusion:
        'the server was reached and does not accept name and password, or the client of that certificate',
      steps: [
        'Renew the credentials or the configuration of the client; SCIONLab: download the configuration again',
        'On the server: its log at the same time names the reason; is the client disabled (client-config-dir)?',
      ],
    },
  ],
  [
    'certificate',
    {
      title: 'OpenVPN does not accept the certificate',
      conclusion: 'a certificate is expired, not yet valid by the clock of the host, or of another authority',
      steps: [
        'openssl x509 -noout -dates -subject -issuer -in CERT on both sides, and date -u',
        'Compare the ca of both configurations',
      ],
    },
  ],
  [
    'refused',
    {
      title: 'Nobody listens on the OpenVPN port',
      conclusion:
        'the server answers that the port is closed: OpenVPN does not run there, or on another port',
      steps: [
        'On the server: systemctl status openvpn@server; ss -lunp | grep 1194',
        'Compare remote and port of both configurations',
      ],
    },
  ],
  [
    'unreachable',
    {
      title: 'OpenVPN server unreachable',
      conclusion: 'this host has no way to the server: a router or the own routing table says so',
      steps: ['ip route get SERVER; ping the gateway', 'Is the address of the server still right?'],
    },
  ],
  [
    'tls-timeout',
    {
      title: 'OpenVPN gets no answer: TLS key negotiation times out',
      conclusion:
        'no answer of the server came, so that no tun interface comes up: most likely a firewall drops its UDP port',
      steps: [
        'Ask whoever runs the firewall to allow UDP to the server and back for this host (port 1194 unless configured otherwise)',
        'Capture outside of the tunnel while it starts: tcpdump -ni eth0 udp port 1194; do packets leave, and does any come back?',
        'Try TCP, or another port that the server offers',
      ],
    },
  ],
  [
    'inactive',
    {
      title: 'OpenVPN heard nothing of its peer',
      conclusion: 'nothing came from the peer for the time of ping-restart, and the tunnel was started again',
      steps: [
        'Does it happen at the same interval? Then a NAT or firewall forgets the flow: set keepalive 10 60 on the server',
        'Capture at both ends: which direction stops first?',
      ],
    },
  ],
]);

export default defineDiagnosis({
  id: 'openvpn.failure-in-log',
  title: 'OpenVPN logs why the tunnel fails',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A log of OpenVPN (--log; syslog, journal or its own file) says why the tunnel does not come up, or went down, and not after that that it is up: TLS key negotiation timed out, AUTH_FAILED, ' +
    'a certificate, connection refused, no route, inactivity timeout (a warning). Packets of the same server are cited; what they show of it follows from this.',
  notWhen: 'A later line says "Initialization Sequence Completed".',
  causes: [...REASONS.values()].map(({ conclusion }) => conclusion),
  nextSteps: [...REASONS.values()].map(({ steps }) => steps[0]),
  refutedBy: 'A later line of the same program that says that the tunnel is up.',
  source: 'SCIONLab guide (check VPN: search for ovpn-client in /var/log/syslog; UDP 1194); openvpn(8)',
  fault: 'policy',
  consequenceOf: ['path-loss', 'unreachable'],
  technology: 'openvpn',
  *diagnose(evidence) {
    const events = evidence.side.of(openvpnLogs);
    const files = [...new Set(events.map(({ origin }) => origin.file))];
    for (const file of files) {
      const ofFile = events.filter(({ origin }) => origin.file === file);
      const lastUp = ofFile.findLastIndex(({ kind }) => kind === 'up');
      const failures = ofFile.slice(lastUp + 1).filter(({ kind }) => REASONS.has(kind));
      const kind = [...REASONS.keys()].find((one) => failures.some((event) => event.kind === one));
      if (kind !== undefined)
        yield problemOf(
          evidence,
          failures.filter((event) => event.kind === kind),
          kind,
        );
      else if (lastUp >= 0)
        yield { result: 'healthy', subject: { kind: 'session', protocol: 'openvpn', log: file } };
    }
  },
});

function problemOf(evidence: Evidence, failures: readonly OpenvpnEvent[], kind: OpenvpnEventKind): Judgement {
  const reason = REASONS.get(kind);
  const [{ text, origin }] = failures;
  const last = failures[failures.length - 1];
  const port = last.serverPort ?? PORT;
  const seen = packetsTo(evidence, last.server, port);
  const server = last.server === null ? '' : ` (server ${last.server}, port ${port})`;
  const packets = seen.reduce(
    (sum, { conversation: { fromA, fromB } }) => sum + fromA.packets + fromB.packets,
    0,
  );
  const first = earliest(seen.flatMap(({ conversation: { fromA, fromB } }) => [fromA.first, fromB.first]));
  const end = latest(seen.flatMap(({ conversation: { fromA, fromB } }) => [fromA.last, fromB.last]));
  const isOneWay = seen.every(
    ({ conversation: { fromA, fromB } }) => fromA.packets === 0 || fromB.packets === 0,
  );
  const shown =
    packets === 0
      ? ' No packet of it is in the capture.'
      : ` The capture has ${packets} packets of it${isOneWay ? ', all one way' : ', both ways'}.`;
  return statedProblem(evidence, {
    subject: {
      kind: 'session',
      protocol: 'openvpn',
      log: origin.file,
      ...(last.server ? { server: last.server, port } : {}),
    },
    severity: kind === 'inactive' ? 'warning' : 'error',
    ...(reason ? { title: reason.title } : {}),
    // Only silence may follow from something below; the other reasons are the word of the server.
    ...(kind === 'auth-failed' || kind === 'certificate' ? { fault: 'key-exchange' as const } : {}),
    explanation: `OpenVPN logs${failures.length > 1 ? ` ${failures.length} times` : ''}${server}: "${text.slice(0, 160)}" (${originText(origin)}); ${reason?.conclusion ?? ''}.${shown}`,
    where: 'unknown',
    ...(seen.length > 0 ? { pair: [seen[0].a, seen[0].b] as const } : {}),
    ...(first && end ? { first, last: end } : {}),
    counts: { lines: failures.length, packets },
    ...(packets > 0 && isOneWay
      ? { packets: { of: [serviceWord(PROTOCOL_UDP, port)], lost: packets, delivered: 0 } }
      : {}),
    evidence: [
      ...(first ? [cite(first, 'first packet of the tunnel')] : []),
      ...(end ? [cite(end, 'last packet of the tunnel')] : []),
    ],
    displayFilter:
      last.server === null ? `udp.port == ${port}` : `ip.addr == ${last.server} && udp.port == ${port}`,
    causes: [reason?.conclusion ?? ''],
    nextSteps: [...(reason?.steps ?? [])],
  });
}

function packetsTo({ quality }: Evidence, server: string | null, port: number) {
  return [...quality.traffic.all()].flatMap(({ a, b, stack, conversations }) => {
    if (stack !== 0 || (server !== null && a !== server && b !== server)) return [];
    const own = conversations.filter(({ portOfA, portOfB }) => portOfA === port || portOfB === port);
    return own.map((conversation) => ({ a, b, conversation }));
  });
}
