import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import ethernetSettings, { type EthernetSettings } from '../side-files/ethernet-settings.js';
import hostLinks, { type HostLink } from '../side-files/ip-link.js';

/** Interfaces that stand for a tunnel, or for the link of a virtual machine or container. */
const TUNNEL_NAME = /^(?:tun|tap|silk-vtep|vxlan|gre|wg|ipsec)\w*/;
const INTERFACES_MIN = 2;

export default defineDiagnosis({
  id: 'host.link-down',
  title: 'Interface of the host is down',
  severity: 'warning',
  subject: 'host',
  layer: 'link',
  priority: 2,
  lines: 'suffice',
  rule:
    'The output of ip link or ip addr is given (--log): a tunnel interface, or one whose address is in the capture, is not UP or has no carrier. Or: all interfaces of a host are listed (lo among them), none is a tun interface, ' +
    'and a tunnel of OpenVPN is in the capture or in a log: the VPN did not come up. Or: ethtool of an interface says that no link is detected; information where another one of that output has a link.',
  notWhen: 'The interface is of another kind, and has no address of the capture: an unused port is no fault.',
  causes: [
    'The cable, the port of the switch or the other end of a veth pair is gone (NO-CARRIER)',
    'The interface was set down, or the program that makes it (openvpn, silk-daemon, midolman) does not run',
    'tun0 is missing: the VPN client gets no answer, mostly since a firewall drops UDP 1194',
  ],
  nextSteps: [
    'ip link set dev INTERFACE up; ethtool INTERFACE: Link detected',
    'tun0: grep ovpn-client /var/log/syslog (TLS key negotiation failed: a firewall); systemctl restart openvpn@client',
  ],
  refutedBy: 'A later output with UP and LOWER_UP.',
  source: 'MidoNet guide (hardware: link detected, interface up); SCIONLab guide (ip a: tun0)',
  fault: 'unreachable',
  *diagnose(evidence): Generator<Judgement> {
    const links = evidence.side.of(hostLinks);
    for (const link of links) {
      if (!isConcerned(evidence, link)) continue;
      const subject = { kind: 'host', interface: link.name, file: link.origin.file };
      const state = stateOf(link);
      if (state === null) yield { result: 'healthy', subject };
      else {
        yield statedProblem(evidence, {
          subject,
          explanation: `${link.name} ${state} (${originText(link.origin)}): nothing passes through it.`,
          where: 'unknown',
          counts: { interfaces: 1 },
        });
      }
    }
    yield* judgeCards(evidence, links);
    for (const file of new Set(links.map(({ origin }) => origin.file))) {
      const ofHost = links.filter(({ origin }) => origin.file === file);
      if (isWithoutTun(evidence, ofHost)) yield withoutTun(evidence, ofHost);
    }
  },
});

/** A card that somebody asks ethtool about is one that matters; what ip link says of the same interface is said already. */
function* judgeCards(evidence: Evidence, links: readonly HostLink[]): Generator<Judgement> {
  const cards = evidence.side.of(ethernetSettings);
  for (const { link, isLinkDetected, origin } of cards) {
    const isKnownDown = links.some((one) => one.name === link && stateOf(one) !== null);
    if (isLinkDetected === null || isKnownDown) continue;
    const subject = { kind: 'host', interface: link, file: origin.file };
    if (isLinkDetected) yield { result: 'healthy', subject };
    else {
      yield statedProblem(evidence, {
        subject,
        ...(hasConnectedCard(cards, origin.file) ? { severity: 'info' as const } : {}),
        explanation: `${link} has no link by ethtool (${originText(origin)}): cable, transceiver, or the port of the switch. Nothing passes through it.`,
        where: 'unknown',
        counts: { interfaces: 1 },
      });
    }
  }
}

/** Where all cards of a host are shown, some may be unused. */
function hasConnectedCard(cards: readonly EthernetSettings[], file: string): boolean {
  return cards.some(({ isLinkDetected, origin }) => isLinkDetected === true && origin.file === file);
}

function isConcerned({ quality }: Evidence, { name, addresses }: HostLink): boolean {
  if (name === 'lo') return false;
  if (TUNNEL_NAME.test(name)) return true;
  return [...quality.traffic.all()].some(({ a, b }) =>
    addresses.some(({ address }) => address === a || address === b),
  );
}

function stateOf({ flags }: HostLink): string | null {
  if (!flags.includes('UP')) return 'is down';
  return flags.includes('NO-CARRIER') ? 'has no carrier' : null;
}

function isWithoutTun(evidence: Evidence, links: readonly HostLink[]): boolean {
  const isWhole = links.length >= INTERFACES_MIN && links.some(({ name }) => name === 'lo');
  if (!isWhole || links.some(({ name }) => /^(?:tun|tap)\d/.test(name))) return false;
  const { traffic } = evidence.quality;
  const addresses = new Set(links.flatMap((one) => one.addresses.map(({ address }) => address)));
  const hasVpnPackets = [...traffic.all()].some(
    ({ a, b, conversations }) =>
      (addresses.has(a) || addresses.has(b)) &&
      conversations.some(({ recognisedAs }) => recognisedAs === 'openvpn'),
  );
  return (
    hasVpnPackets ||
    evidence.side.readers.some(({ kind }) => kind === 'OpenVPN log' || kind === 'SCION topology')
  );
}

function withoutTun(evidence: Evidence, [first]: readonly HostLink[]): Judgement {
  return statedProblem(evidence, {
    subject: { kind: 'host', interface: 'tun', file: first.origin.file },
    title: 'Host has no tun interface',
    explanation: `No tun interface is among the interfaces in ${first.origin.file}: the VPN tunnel is not up. Most often a firewall drops UDP 1194, and the log of the client has timeouts.`,
    where: 'unknown',
    counts: { interfaces: 0 },
  });
}
