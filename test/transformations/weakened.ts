import { outermostPair, textOf } from './addresses.js';
import { dressedAs, type Frame, type Transformation, unrenamed } from './trace.js';

/* Captures that show less: the same finding, a weaker one, or a word about what is missing. */

const KEPT_SHARE = 0.7;

const begunLater: Transformation['apply'] = ({ frames, linkType }) => {
  const rest = frames.slice(Math.floor(frames.length * (1 - KEPT_SHARE)));
  return rest.length === frames.length ? 'too few frames' : dressedAs(rest, linkType);
};

const endedEarlier: Transformation['apply'] = ({ frames, linkType }) => {
  const rest = frames.slice(0, Math.ceil(frames.length * KEPT_SHARE));
  return rest.length === frames.length ? 'too few frames' : dressedAs(rest, linkType);
};

function cutTo(snaplen: number): Transformation['apply'] {
  return ({ frames, linkType }) => {
    if (frames.every(({ bytes }) => bytes.length <= snaplen)) return 'no longer frames';
    const cut = (frame: Frame): Frame => ({
      ...frame,
      bytes: frame.bytes.subarray(0, snaplen),
      originalLength: frame.originalLength ?? frame.bytes.length,
    });
    return dressedAs(frames.map(cut), linkType);
  };
}

function oneDirection(keep: 'lower' | 'higher'): Transformation['apply'] {
  return ({ frames, linkType }) => {
    const goes = ({ bytes }: Frame): boolean => {
      const pair = outermostPair(bytes, linkType);
      if (!pair) return true;
      const [source, destination] = pair.map(textOf);
      return keep === 'lower' ? source <= destination : source >= destination;
    };
    const rest = frames.filter(goes);
    return rest.length === frames.length || rest.length === 0
      ? 'one direction as it is'
      : dressedAs(rest, linkType);
  };
}

/** The capture dropped them and says so, as dumpcap writes it. */
const dropped: Transformation['apply'] = ({ frames, linkType }, { random }) => {
  const rest = frames.filter(() => random() >= 0.01);
  if (rest.length === frames.length || rest.length === 0) return 'none dropped';
  const drops = frames.length - rest.length;
  return { files: [{ frames: rest, linkType, interfaces: 1, drops }], nameBefore: unrenamed };
};

export const WEAKENED: readonly Transformation[] = [
  { name: 'begun later', promise: 'not-stronger', apply: begunLater },
  { name: 'ended earlier', promise: 'not-stronger', apply: endedEarlier },
  { name: 'cut to 64 bytes', promise: 'not-stronger', apply: cutTo(64) },
  { name: 'cut to 128 bytes', promise: 'not-stronger', apply: cutTo(128) },
  { name: 'cut to 256 bytes', promise: 'not-stronger', apply: cutTo(256) },
  { name: 'one direction', promise: 'not-stronger', apply: oneDirection('lower'), isOneSided: true },
  { name: 'the other direction', promise: 'not-stronger', apply: oneDirection('higher'), isOneSided: true },
  { name: 'one frame in a hundred dropped', promise: 'not-stronger', apply: dropped },
];
