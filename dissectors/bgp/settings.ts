import type { SettingsReader } from '../../src/diagnose/settings.js';
import { durationText } from '../../src/wording/durations.js';
import { bgpConversations } from './correlator.js';
import * as bgp from './layout.js';
import type { BgpSpeaker } from './session.js';

/** Fewer intervals are no timer. */
const INTERVALS_MIN = 3;
const CAPABILITIES: readonly (readonly [bit: number, name: string])[] = [
  [bgp.HAS_MULTIPROTOCOL, 'multiprotocol'],
  [bgp.HAS_ROUTE_REFRESH, 'route refresh'],
  [bgp.HAS_EXTENDED_NEXT_HOP, 'extended next hop'],
  [bgp.HAS_EXTENDED_MESSAGE, 'extended messages'],
  [bgp.HAS_GRACEFUL_RESTART, 'graceful restart'],
  [bgp.HAS_FOUR_BYTE_AS, 'four-byte AS'],
  [bgp.HAS_ADD_PATH, 'ADD-PATH'],
  [bgp.HAS_OTHER, 'others'],
];

const settings: SettingsReader = {
  protocol: 'BGP',
  *describe({ sessions }) {
    for (const { low, high, stack, speakers } of sessions(bgpConversations))
      for (const speaker of speakers)
        for (const [name, value] of announced(speaker))
          yield { hosts: [low, high], stack, name: `${name} of ${speaker.address}`, value };
  },
};

export default settings;

function* announced({ open, keepaliveIntervalsNs }: BgpSpeaker): Iterable<readonly [string, string]> {
  if (open !== null) {
    yield ['AS', String(open.as)];
    yield ['hold time', `${open.holdTime} s`];
    yield ['version', String(open.version)];
    const names = CAPABILITIES.filter(([bit]) => (open.capabilities & bit) !== 0).map(([, name]) => name);
    yield ['capabilities', names.length === 0 ? 'none' : names.join(' and ')];
  }
  if (keepaliveIntervalsNs.length < INTERVALS_MIN) return;
  // Timers of BGP have whole seconds, shortened by up to a quarter (RFC 4271, section 10): the longest usual one tells.
  const usual = keepaliveIntervalsNs[keepaliveIntervalsNs.length >> 1];
  yield ['keepalive interval', durationText(Math.round(usual / 1e9) * 1e9)];
}
