import type { DiagnosisMetadata } from '../src/diagnose/diagnosis-metadata.js';
import type { DiagnosisArea } from '../src/report/diagnosis-text.js';

export function diagnosisMetadata(changes: Partial<DiagnosisMetadata> = {}): DiagnosisMetadata {
  return {
    id: 'esp.one-way-spi',
    title: 'ESP runs one way only',
    severity: 'error',
    subject: 'tunnel',
    layer: 'tunnel-data',
    priority: 1,
    rule: 'An interval of at least 10 s with at least 10 packets one way and none back.',
    notWhen: 'The capture shows one direction only (capture.one-sided).',
    causes: ['A firewall drops <IP protocol 50> | UDP 4500.', 'No route behind the peer.'],
    nextSteps: ['Capture at the peer.', 'Ask whoever runs the firewall.'],
    refutedBy: 'ESP coming back in a capture taken at the other end.',
    source: 'RFC 4303',
    thresholds: {
      packetsMin: { value: 10, unit: 'packets', why: 'below that a one-shot stream is plausible' },
    },
    fault: 'tunnel-one-way',
    consequenceOf: ['path-loss', 'refused'],
    consequenceOfIds: ['esp.stalled'],
    ...changes,
  };
}

export const HAND_MADE_CATALOGUE: readonly DiagnosisArea[] = [
  {
    protocol: 'esp',
    title: 'ESP and NAT traversal',
    diagnoses: [
      diagnosisMetadata(),
      diagnosisMetadata({
        id: 'esp.loss',
        title: 'ESP packets are missing',
        severity: 'warning',
        fault: 'tunnel-loss',
        consequenceOf: [],
        consequenceOfIds: [],
      }),
    ],
  },
  { protocol: 'udp', title: 'UDP', diagnoses: [] },
];
