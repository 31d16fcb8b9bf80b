import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A node of VPP's graph that packets enter by, with the packets that it handled. */
export interface VppInputNode {
  readonly origin: Origin;
  /** `avf-input`, `virtio-input` … */
  readonly node: string;
  readonly packets: number;
}

const HEAD = /^\s*Name\s+State\s+Calls\s+Vectors\s+Suspends\b/;
const LINE =
  /^\s*([a-z0-9_.-]{1,60}-input)\s+\S.{0,30}?\s+(\d{1,18})\s+(\d{1,18})\s+\d{1,18}\s+[\d.]+e[+-]?\d+\s+[\d.]+$/;
/** Input nodes of the graph itself: packets reach them from others. */
const INNER =
  /^(?:ip[46]|ethernet|mpls|arp|llc|ppp|osi|snap|nsh|cdp|lldp|bier|vxlan\d?|gre\d?|ipip\d?|geneve\d?|wg\d?|l2|lacp)-?(?:[a-z0-9-]*-)?input$/;

/** `show run` of VPP: which input nodes are busy. */
export default defineSideFileReader<VppInputNode>({
  kind: 'VPP nodes',
  text: { words: { outputOf: ['vppctl show run'] }, read: readNodes },
  commands: ['show trace', 'trace add', 'pcap dispatch trace'],
  usedBy: ['vpp.trace-incomplete'],
});

/** Empty where the heading is missing. */
function readNodes({ file, lines }: TextFile): VppInputNode[] {
  if (!lines.some(({ text }) => HEAD.test(text))) return [];
  return lines.flatMap(({ text, number }) => {
    const [, node, , packets] = LINE.exec(text) ?? [];
    if (node === undefined || INNER.test(node)) return [];
    return [{ origin: { file, place: `line ${number}` }, node, packets: Number(packets) }];
  });
}
