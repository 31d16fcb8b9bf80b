import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { type BlameNode, mayCause } from '../src/diagnose/blame-graph.js';
import { FAULT_MEANINGS } from '../src/diagnose/fault-kinds.js';

const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
const ids = new Set(diagnoses.map(({ id }) => id));

/** The ids along a circle of possible causes, or null. */
function circle(nodes: readonly BlameNode[]): string[] | null {
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (node: BlameNode): string[] | null => {
    if (path.includes(node.id)) return [...path.slice(path.indexOf(node.id)), node.id];
    if (finished.has(node.id)) return null;
    path.push(node.id);
    for (const next of nodes) {
      const found = mayCause(node, next) ? visit(next) : null;
      if (found) return found;
    }
    path.pop();
    finished.add(node.id);
    return null;
  };
  for (const node of nodes) {
    const found = visit(node);
    if (found) return found;
  }
  return null;
}

const invented: BlameNode = {
  id: 'invented.tunnel-silent',
  layer: 'tunnel-data',
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'mtu'],
  technology: 'invented',
};

describe('who may be the cause of what', () => {
  it('names only ids and kinds of fault that exist, never itself', () => {
    for (const { id, fault, consequenceOf, consequenceOfIds = [] } of diagnoses) {
      for (const kind of [fault, ...consequenceOf]) expect(Object.keys(FAULT_MEANINGS), id).toContain(kind);
      for (const other of consequenceOfIds) expect(ids, id).toContain(other);
      expect(consequenceOfIds, id).not.toContain(id);
    }
  });

  it('calls an id only where no kind says it already', () => {
    for (const consequence of diagnoses) {
      const { consequenceOfIds = [], ...rest } = consequence;
      const byKind = consequenceOfIds.filter((id) =>
        diagnoses.some((cause) => cause.id === id && mayCause(cause, rest)),
      );
      expect(byKind, consequence.id).toEqual([]);
    }
  });

  it('has no circle', () => {
    expect(circle(diagnoses)).toBeNull();
    expect(
      circle([
        { ...invented, consequenceOfIds: ['b.b'] },
        { ...invented, id: 'b.b', consequenceOfIds: [invented.id] },
      ]),
    ).toEqual([invented.id, 'b.b', invented.id]);
  });

  it('links a new diagnosis by what it declares alone', () => {
    const causes = diagnoses.filter((one) => mayCause(one, invented)).map(({ id }) => id);
    expect(causes).toEqual(
      expect.arrayContaining(['underlay.path-loss', 'underlay.unreachable', 'mtu.frag-needed']),
    );
    const consequences = diagnoses.filter((one) => mayCause(invented, one)).map(({ id }) => id);
    expect(consequences).toEqual(expect.arrayContaining(['underlay.ping-loss', 'tcp.syn-unanswered']));
    expect([...causes, ...consequences].filter((id) => /^(esp|ike|openvpn|vxlan)/.test(id))).toEqual([]);
  });
});
