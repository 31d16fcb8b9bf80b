import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** What an output says of network namespaces. */
export interface NamespaceFact {
  readonly origin: Origin;
  /** `process`: of `ls -l /proc/PID/ns/net`; `namespace`: a line of lsns; `interface`: the other end of an s-… interface. */
  readonly kind: 'process' | 'namespace' | 'interface';
  /** The process, or the interface; empty for a line of lsns. */
  readonly name: string;
  /** Inode of the namespace, as `net:[…]` has it; null for an interface. */
  readonly inode: number | null;
  /** NETNSID, link-netnsid; null for a process, and where lsns says unassigned. */
  readonly id: number | null;
}

const FACTS_MAX = 10_000;
const LINK = /\/proc\/(\d{1,9})\/ns\/net -> '?net:\[(\d{6,15})\]'?$/;
const LSNS = /^(\d{6,15})\s+net\s+\d{1,7}\s+\d{1,9}\s+\S{1,64}\s+(\d{1,9}|unassigned)\b/;
const INTERFACE = /^\s*\d{1,9}: (s-\d{12})@\S{1,30}: </;
const NETNSID = /\blink-netnsid (\d{1,9})\b/;
/** The host itself: who compares with it lists it as well. */
const INIT = '1';

/** Output of `ls -l /proc/PID/ns/net` and `lsns -l -t net`, with the namespace of the interfaces of `ip addr`. */
export default defineSideFileReader<NamespaceFact>({
  kind: 'network namespaces',
  text: { words: { outputOf: ['ls -l /proc/PID/ns/net', 'lsns -l -t net'] }, read: readNamespaces },
  usedBy: ['silk.namespace-mismatch'],
});

/** Empty where no namespace is shown: an interface alone is none. */
function readNamespaces({ file, lines }: TextFile): NamespaceFact[] {
  const facts: NamespaceFact[] = [];
  let open: string | null = null;
  for (const { text, number } of lines) {
    if (facts.length >= FACTS_MAX) break;
    const origin = { file, place: `line ${number}` };
    const [, pid, inode] = LINK.exec(text) ?? [];
    const [, ns, id] = LSNS.exec(text.trim()) ?? [];
    if (/^\s*\d{1,9}: /.test(text)) open = INTERFACE.exec(text)?.[1] ?? null;
    const netnsid = NETNSID.exec(text)?.[1];
    if (pid !== undefined && pid !== INIT)
      facts.push({ origin, kind: 'process', name: pid, inode: Number(inode), id: null });
    else if (ns !== undefined)
      facts.push({
        origin,
        kind: 'namespace',
        name: '',
        inode: Number(ns),
        id: id === 'unassigned' ? null : Number(id),
      });
    else if (open !== null && netnsid !== undefined) {
      facts.push({ origin, kind: 'interface', name: open, inode: null, id: Number(netnsid) });
      open = null;
    }
  }
  return facts.some(({ kind }) => kind !== 'interface') ? facts : [];
}
