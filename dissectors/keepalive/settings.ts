import type { SettingsReader } from '../../src/diagnose/settings.js';
import { durationText } from '../../src/wording/durations.js';
import { keepalivesOf } from './streams.js';

const settings: SettingsReader = {
  protocol: 'keepalive',
  *describe(evidence) {
    for (const { link, direction, stream } of keepalivesOf(evidence)) {
      const { from, to, toPort } = direction;
      const value = durationText(Number(stream.periodNs.toPrecision(2)));
      yield { hosts: [from, to], stack: link.stack, name: `period of ${from} to port ${toPort}`, value };
    }
  },
};

export default settings;
