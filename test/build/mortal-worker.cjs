// A worker that dies on one frame, as a bug in the runtime or a lack of memory would make it.
const worker = require('../../dist/src/dissect-worker.cjs');

const DEADLY_FRAME = 5;
const dissect = typeof worker === 'function' ? worker : worker.default;

module.exports = (order) => {
  if (order.firstFrame <= DEADLY_FRAME && DEADLY_FRAME < order.endFrame) process.exit(1);
  return dissect(order);
};
