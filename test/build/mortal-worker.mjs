// A worker that dies on one frame, as a bug in the runtime or a lack of memory would make it.
import dissect from '../../dist/src/dissect-worker.js';

const DEADLY_FRAME = 5;

export default function dissectOrDie(order) {
  if (order.firstFrame <= DEADLY_FRAME && DEADLY_FRAME < order.endFrame) process.exit(1);
  return dissect(order);
}
