import { isWithin, prefixLength } from './networks.js';
import { NAME_RANKS, type SideFileReader } from './side-file-reader.js';
import type { SideKnowledge } from './side-knowledge.js';

/**
 * What to print beside an address: the operator's own name, else the most telling one that a reader has for it.
 * Null where no side file knows it.
 */
export function nameOf(side: SideKnowledge, address: string): string | null {
  const configured = configuredName(side, address);
  if (configured !== null) return configured;
  for (const rank of NAME_RANKS) {
    for (const reader of side.readers) {
      const name = reader.names?.rank === rank ? nameBy(reader, side, address) : null;
      if (name !== null) return name;
    }
  }
  return null;
}

function configuredName({ configuration }: SideKnowledge, address: string): string | null {
  const fitting = configuration?.names.filter(({ of }) => isWithin(address, of)) ?? [];
  return fitting.sort((a, b) => prefixLength(b.of) - prefixLength(a.of))[0]?.name ?? null;
}

function nameBy<Fact>(reader: SideFileReader<Fact>, side: SideKnowledge, address: string): string | null {
  return reader.names?.nameOf(address, side.of(reader)) ?? null;
}
