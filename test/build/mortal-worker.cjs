// A worker that dies on one frame, as a bug in the runtime or a lack of memory would make it.
const { default: serve, dissect } = require('../../dist/src/dissect-worker.cjs');

const DEADLY_FRAME = 5;

module.exports = (worker) =>
  serve(worker, (order) => {
    if (order.firstFrame <= DEADLY_FRAME && DEADLY_FRAME < order.endFrame) process.exit(1);
    dissect(order);
  });
