import { isAddressText } from '../wire/address.js';

/** Facts of sessions that are settings of the ends, by the words of their names. */
const SETTING =
  /timer|hold|interval|period|mtu|mss|segmentsize|version|multiplier|timetolive|ttl|algorithm|cipher|transform|proposal|suite|encryption|integrity|group$|vendor|encapsulation|authentication|windowscale|autonomous|^as$|asn/i;
const DEPTH_MAX = 4;
const SESSIONS_MAX = 10_000;
const LIST_MAX = 64;

/** What the ends of sessions are set up with: values by setting, by `bgp 10.0.0.1 <-> 10.0.0.2`. */
export function sessionSettings(
  sessions: ReadonlyMap<string, readonly unknown[]>,
): Map<string, Map<string, Set<string>>> {
  const settings = new Map<string, Map<string, Set<string>>>();
  for (const [of, list] of sessions) {
    for (const session of list.slice(0, SESSIONS_MAX)) {
      const hosts = [...new Set(hostsOf(session, 0))].sort();
      if (hosts.length !== 2) continue;
      const name = `${of} ${hosts.join(' <-> ')}`;
      const known = settings.get(name) ?? new Map<string, Set<string>>();
      settings.set(name, known);
      note(session, [], known, 0);
    }
  }
  return settings;
}

function hostsOf(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return isAddressText(value) ? [value] : [];
  if (value === null || typeof value !== 'object' || depth > 2 || ArrayBuffer.isView(value)) return [];
  return Object.values(value)
    .slice(0, LIST_MAX)
    .flatMap((part) => hostsOf(part, depth + 1));
}

function note(value: unknown, path: readonly string[], known: Map<string, Set<string>>, depth: number): void {
  if (value === null || depth > DEPTH_MAX || ArrayBuffer.isView(value)) return;
  if (typeof value === 'object') {
    const isList = Array.isArray(value);
    for (const [name, part] of Object.entries(value).slice(0, LIST_MAX))
      note(part, isList ? path : [...path, name], known, depth + 1);
    return;
  }
  const isSetting = path.some((name) => SETTING.test(name)) && !/Ns$|frame$|segment$/.test(path.at(-1) ?? '');
  if (!isSetting || !['number', 'string', 'boolean'].includes(typeof value)) return;
  if (typeof value === 'number' && !Number.isFinite(value)) return;
  const name = path.join(' ');
  const values = known.get(name) ?? new Set();
  known.set(name, values);
  values.add(String(value));
}
