import { describe, expect, it } from 'vitest';
import { diagnosisMetadata, HAND_MADE_CATALOGUE } from '../../test/hand-made-catalogue.js';
import { diagnosesDocument } from './diagnoses-doc.js';
import { catalogueText, diagnosisText } from './diagnosis-text.js';

describe('catalogueText', () => {
  it('lists every diagnosis in a line and leaves out areas without one', () => {
    expect(catalogueText(HAND_MADE_CATALOGUE)).toBe(
      [
        'ESP and NAT traversal',
        '  esp.one-way-spi  error    ESP runs one way only',
        '  esp.loss         warning  ESP packets are missing',
        '',
        '2 diagnoses; capan explain ID tells the rule, the thresholds, causes and next steps.',
        '',
      ].join('\n'),
    );
  });
});

describe('diagnosisText', () => {
  it('tells all that the catalogue knows, in 100 columns', () => {
    const text = diagnosisText(diagnosisMetadata({ rule: 'word '.repeat(50) }));
    expect(text).toContain('esp.one-way-spi: ESP runs one way only\n');
    expect(text).toContain('  severity      error, judged per tunnel\n');
    expect(text).toContain(
      '  thresholds    - packetsMin = 10 packets: below that a one-shot stream is plausible\n',
    );
    expect(text).toContain('                2. Ask whoever runs the firewall.\n');
    expect(text).toContain('  caused by     path-loss, refused; esp.stalled\n');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('leaves out what is empty', () => {
    const text = diagnosisText(
      diagnosisMetadata({
        consequenceOf: [],
        consequenceOfIds: [],
        thresholds: {},
        causes: [],
      }),
    );
    expect(text).not.toMatch(/caused by|thresholds|causes/);
  });
});

describe('diagnosesDocument', () => {
  it('has a table row and an entry for every id', () => {
    const document = diagnosesDocument(HAND_MADE_CATALOGUE);
    expect(document).toContain('| esp.loss | warning | tunnel | ESP packets are missing |');
    expect(document).toContain('\n### esp.loss\n');
    expect(document).toContain('  - A firewall drops &lt;IP protocol 50&gt; \\| UDP 4500.');
    expect(document).toContain('2 diagnoses in 1 area.');
  });
});
