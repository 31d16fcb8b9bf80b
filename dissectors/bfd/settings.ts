import type { SettingsReader } from '../../src/diagnose/settings.js';
import { durationText } from '../../src/wording/durations.js';
import { bfdSessions } from './correlator.js';
import { STATE_UP } from './layout.js';

/** Only while Up: before, a system announces a second at least (RFC 5880, section 6.8.3). */
const settings: SettingsReader = {
  protocol: 'BFD',
  *describe({ sessions }) {
    for (const { sides, stack } of sessions(bfdSessions)) {
      const hosts = [sides[0].address, sides[1].address] as const;
      for (const { address, phases, ends } of sides) {
        const phase = phases.findLast(({ state }) => state === STATE_UP);
        if (phase === undefined) continue;
        const { multiplier, desiredMinTx, requiredMinRx, isDemand } = phase;
        const named = (name: string, value: string) => ({
          hosts,
          stack,
          name: `${name} of ${address}`,
          value,
        });
        yield named('detect multiplier', String(multiplier));
        yield named('desired transmit interval', durationText(desiredMinTx * 1000));
        yield named('required receive interval', durationText(requiredMinRx * 1000));
        yield named('demand mode', isDemand ? 'on' : 'off');
        yield named('authentication', ends.some(({ hasAuthentication }) => hasAuthentication) ? 'on' : 'off');
      }
    }
  },
};

export default settings;
