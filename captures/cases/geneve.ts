import type { Timeline } from '../../test/build/scenario.js';
import { APP_A, APP_B, innerConnection, innerPing, onCellA } from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

/** A container of cell A asks one of cell B; after 8 s nothing comes back through the tunnel. */
function geneveNoReturn(t: Timeline): void {
  innerPing(t, APP_A, APP_B, {
    at: 2,
    count: 24,
    identifier: 0x2f22,
    geneve: true,
    vni: 42,
    isAnswered: (i) => i < 8,
  });
}

function geneveHealthy(t: Timeline): void {
  innerPing(t, APP_A, APP_B, { at: 2, count: 10, identifier: 0x2f12, geneve: true, vni: 42 });
  for (let i = 0; i < 4; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 3.3 + i * 2,
      clientPort: 41_300 + i,
      serverPort: 8080,
      geneve: true,
      vni: 42,
    });
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'geneve-healthy.pcap',
    shows: 'Geneve both ways: pings and connections',
    must: [],
    healthy: true,
    write: onCellA('geneve-healthy', 15, geneveHealthy),
  },
  {
    file: 'geneve-no-return.pcap',
    shows: 'pings through Geneve are answered for 8 s, then nothing comes back',
    must: ['geneve.no-return'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    write: onCellA('geneve-no-return', 38, geneveNoReturn),
  },
];
