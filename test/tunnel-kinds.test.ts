import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { protocolsOfCatalogue } from '../src/correlate/known-protocols.js';
import type { FaultKind } from '../src/diagnose/fault-kinds.js';

const kinds = catalogue.flatMap(({ tunnel }) => tunnel ?? []);
const diagnoses = new Map(catalogue.flatMap((entry) => entry.diagnoses).map((one) => [one.id, one]));

describe('a kind of tunnel', () => {
  it('is declared wherever a protocol of the catalogue carries one that it reads', () => {
    const roles = catalogue.flatMap(({ roles: ofFolder = [] }) => ofFolder);
    const carried = roles.flatMap(({ carries, isUndissected }) => (carries && !isUndissected ? carries : []));
    expect([...new Set(carried)].sort()).toEqual(kinds.map(({ kind }) => kind).sort());
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
    expect(protocolsOfCatalogue(catalogue).tunnelKinds()).toEqual(
      expect.arrayContaining(kinds.map(({ kind }) => kind)),
    );
  });

  it('names judges that exist, and that judge what the contract says', () => {
    // Where nothing inside can be read, what is due and does not come tells that a tunnel carries one way only.
    const oneWay: readonly FaultKind[] = ['tunnel-one-way', 'key-exchange', 'silence'];
    for (const { kind, judges } of kinds) {
      expect(oneWay, kind).toContain(diagnoses.get(judges.oneWay)?.fault);
      expect(diagnoses.get(judges.size)?.fault, kind).toBe('mtu');
    }
  });

  it('has a display filter for its packets between two hosts', () => {
    for (const { kind, filter } of kinds) {
      expect(filter('192.0.2.1', '192.0.2.2'), kind).toContain('ip.addr == 192.0.2.1');
      expect(filter('2001:db8::1', '2001:db8::2'), kind).toContain('ipv6.addr == 2001:db8::1');
    }
  });
});
