import type { SettingsReader } from '../../src/diagnose/settings.js';
import { ike } from './correlator.js';
import type { IkeSession } from './session.js';

const settings: SettingsReader = {
  protocol: 'IKE',
  *describe({ sessions }) {
    for (const session of sessions(ike))
      for (const [name, value] of agreed(session)) {
        const { initiator, responder, paths } = session;
        yield { hosts: [initiator, responder], stack: paths[0]?.stack ?? 0, name, value };
      }
  },
};

export default settings;

function* agreed(session: IkeSession): Iterable<readonly [string, string]> {
  yield ['version', String(session.version)];
  for (const role of ['initiator', 'responder'] as const) {
    const { vendorIds, announcesNatTraversal, proposal } = session.peers[role];
    if (session.messageCount[role] === 0) continue;
    const host = session[role];
    if (proposal !== null)
      yield [`${role === 'initiator' ? 'proposal' : 'choice'} of ${host}`, proposal.text];
    if (vendorIds.size > 0) yield [`vendor ids of ${host}`, [...vendorIds].sort().join(' and ')];
    if (session.startSeen)
      yield [`NAT traversal of ${host}`, announcesNatTraversal ? 'announced' : 'not announced'];
  }
  if (session.established !== null) yield ['port', session.usesPort4500 ? '4500' : '500'];
}
