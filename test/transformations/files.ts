import { LINKTYPE_VPP_DISPATCH } from '../../src/wire/link-types.js';
import { outermostPair } from './addresses.js';
import { isInOrder, OUT_OF_ORDER } from './company.js';
import type { DressedFile, Frame, Transformation } from './trace.js';
import { unrenamed } from './trace.js';

/* The same packets in other files, and in another order within a millisecond. */

const FILES = 4;
/** What order itself is about. */
const OF_ORDER = ['frag.reverse-order', 'esp.reorder', 'latency.breakdown'];
const SHUFFLE_NS = 1_000_000n;

const severalInterfaces: Transformation['apply'] = ({ frames, linkType }) => {
  const onOne = (frame: Frame): Frame => {
    const pair = outermostPair(frame.bytes, linkType);
    const sum = pair ? [...pair[0], ...pair[1]].reduce((total, byte) => total + byte, 0) : 0;
    return { ...frame, interfaceIndex: sum % 3 };
  };
  return { files: [{ frames: frames.map(onOne), linkType, interfaces: 3 }], nameBefore: unrenamed };
};

const rotated: Transformation['apply'] = ({ frames, linkType }, { random }) => {
  if (!isInOrder(frames)) return OUT_OF_ORDER;
  const cuts = Array.from({ length: FILES - 1 }, () => 1 + Math.floor(random() * (frames.length - 1)));
  const edges = [0, ...[...new Set(cuts)].sort((a, b) => a - b), frames.length];
  const files: DressedFile[] = edges
    .slice(1)
    .map((to, part) => ({ frames: frames.slice(edges[part], to), linkType }));
  return { files: files.filter((file) => file.frames.length > 0), nameBefore: unrenamed };
};

/** As a network card with several queues hands them over: each with its own time, some out of order. */
const shuffled: Transformation['apply'] = ({ frames, linkType }, { random }) => {
  if (linkType === LINKTYPE_VPP_DISPATCH) return 'its order is that of the nodes a packet passes';
  if (!isInOrder(frames)) return OUT_OF_ORDER;
  const placed = frames.map((frame) => ({
    frame,
    at: frame.timeNs + BigInt(Math.floor(random() * Number(SHUFFLE_NS))),
  }));
  placed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { files: [{ frames: placed.map(({ frame }) => frame), linkType }], nameBefore: unrenamed };
};

export const FILES_AND_ORDER: readonly Transformation[] = [
  { name: 'on several interfaces', promise: 'same', isExact: true, apply: severalInterfaces },
  { name: 'in rotated files', promise: 'same', isExact: true, apply: rotated },
  { name: 'shuffled within a millisecond', promise: 'same', apply: shuffled, silences: OF_ORDER },
];
