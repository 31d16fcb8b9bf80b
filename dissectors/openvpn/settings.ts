import type { SettingsReader } from '../../src/diagnose/settings.js';
import { durationText } from '../../src/wording/durations.js';
import { openvpnConversations } from './correlator.js';
import type { OpenvpnConversation } from './session.js';

const DATA: ReadonlyMap<number, string> = new Map([
  [6, 'DATA_V1'],
  [9, 'DATA_V2'],
]);

/** How the control channel is protected is a fact of the tunnel. */
const settings: SettingsReader = {
  protocol: 'OpenVPN',
  *describe({ sessions }) {
    for (const conversation of sessions(openvpnConversations)) {
      const { directions, stack } = conversation;
      const hosts = [directions[0].from.address, directions[1].from.address] as const;
      for (const [name, value] of shown(conversation)) yield { hosts, stack, name, value };
    }
  },
};

export default settings;

function* shown({
  transport,
  clientWay,
  directions,
}: OpenvpnConversation): Iterable<readonly [string, string]> {
  if (clientWay !== null) yield ['port', `${transport} ${directions[clientWay].to.port}`];
  for (const { from, dataOpcode, pingPeriodNs, packetIds } of directions) {
    const form = DATA.get(dataOpcode);
    if (form !== undefined) yield [`data packets of ${from.address}`, form];
    if (packetIds?.hasEpochs) yield [`data keys of ${from.address}`, 'by epoch'];
    if (!Number.isNaN(pingPeriodNs))
      yield [`ping of ${from.address}`, durationText(Math.round(pingPeriodNs / 1e9) * 1e9)];
  }
}
