import type { SideFileReader, StatedPort } from './side-file-reader.js';
import type { SideKnowledge } from './side-knowledge.js';

/** UDP ports that the operator's files give to kinds of tunnels: what they expect, and what hosts are set to. */
export function statedPorts(side: SideKnowledge): StatedPort[] {
  const expected = side.configuration?.expectedTunnels ?? [];
  return [
    ...expected.flatMap(({ tunnel, port }) => (port === null ? [] : [{ tunnel, port }])),
    ...side.readers.flatMap((reader) => portsBy(reader, side)),
  ];
}

function portsBy<Fact>(reader: SideFileReader<Fact>, side: SideKnowledge): readonly StatedPort[] {
  return side.of(reader).flatMap((fact) => reader.tunnelPorts?.(fact) ?? []);
}
