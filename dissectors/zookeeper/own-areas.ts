/** What goes wrong together with a state database: none of it is another fault (see `severityOfFlow`). */
export const OWN_AREAS: readonly string[] = ['nsdb.', 'zk.', 'cassandra.', 'tcp.', 'app.', 'latency.'];
