import type { SampleCapture } from '../../captures/cases/sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import { writePcap } from '../../test/build/capture-file.js';
import { templateExchange } from './builder.js';

/* Becomes captures/cases/NAME.ts: the captures that ship. Each diagnosis fires on one and is silent on a healthy one. */

const QUESTIONS = 10;
const CAPTURE_SECONDS = 40;

function talk(name: string, answered: boolean): Uint8Array {
  const t = siteTimeline(name, PUBLIC_SITE, CAPTURE_SECONDS);
  for (let index = 0; index < QUESTIONS; index++) {
    const exchange = { at: 2 + index * 3, identifier: 700 + index, answered };
    templateExchange(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, exchange);
  }
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'template-healthy.pcap',
    shows: 'Template: every question is answered',
    must: [],
    healthy: true,
    write: () => talk('template-healthy', true),
  },
  {
    file: 'template-silence.pcap',
    shows: 'ten questions, and no packet from the host that is asked',
    must: ['template.silence'],
    healthy: false,
    write: () => talk('template-silence', false),
  },
];
