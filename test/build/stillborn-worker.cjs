// A worker that cannot start, as where memory or threads are short.
throw new Error('no worker today');
