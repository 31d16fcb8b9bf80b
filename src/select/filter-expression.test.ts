import { describe, expect, it } from 'vitest';
import { dissectors } from '../../dissectors/index.js';
import { FilterError, parseFilter } from './filter-expression.js';

function faultOf(text: string): string {
  try {
    parseFilter(text, dissectors);
  } catch (error) {
    if (error instanceof FilterError) return `${error.position}: ${error.message}`;
    throw error;
  }
  return 'none';
}

function termsOf(text: string): string[] {
  return parseFilter(text, dissectors).terms.map((term) => {
    switch (term.kind) {
      case 'net':
        return `${term.end} /${term.net.bits}`;
      case 'port':
        return `${term.end} ${term.protocol ?? 'any'} ${term.from}-${term.to}`;
      case 'column':
        return `${term.protocol ?? 'any'}.${term.column} ${term.value}`;
      case 'isd-as':
        return `${term.isd}-${term.as}`;
      case 'protocol':
        return term.name;
      case 'ip-protocol':
        return `ip ${term.protocol}`;
      default:
        return term.kind;
    }
  });
}

describe('parseFilter', () => {
  it.each([
    ['host 10.255.3.7', ['either /128']],
    ['src host 2001:db8::1 and dst net 10.1.0.0/16', ['source /128', 'destination /112']],
    ['net 10.1', ['either /112']],
    ['src or dst port 500 or 4500', ['either any 500-500', 'either any 4500-4500']],
    ['udp portrange 6000-6010', ['either 17 6000-6010']],
    ['vni 77 && !(spi 0xaa6fa19a)', ['any.vni 77', 'any.spi 2859442586']],
    ['gre key 5 || isd-as 17-ffaa:1:64', ['gre.key 5', `17-${0xffaa * 2 ** 32 + 2 ** 16 + 0x64}`]],
    ['isd-as 1-110', ['1-110']],
    ['ike or esp', ['isakmp', 'esp', 'ip 50']],
    ['ip proto 47 and 192.0.2.1', ['ip 47', 'either /128']],
  ])('%s', (text, expected) => {
    expect(termsOf(text)).toEqual(expected);
  });

  it.each([
    ['', '1: it is empty'],
    ['host', '5: host needs a value'],
    ['host 10.255.3', "6: '10.255.3' is no IPv4 or IPv6 address"],
    ['vni 77 and hst 1', "12: 'hst' is no condition"],
    ['(host 10.0.0.1', "1: '(' is not closed"],
    ['host 10.0.0.1)', "14: ')' closes nothing"],
    ['host 10.0.0.1 port 5', "15: 'and' or 'or' is missing before 'port'"],
    ['port 70000', "6: '70000' is no port"],
    ['net 10.0.0.0/33', "5: '/33' is no prefix length from 0 to 32"],
    ['esp port 5', "10: 'esp' has no ports"],
    ['not', '4: a condition is missing at the end'],
    ['isd-as 17-zz', "8: '17-zz' is no ISD-AS"],
    ['vni 99999999', "5: '99999999' is no vni up to 16777215"],
  ])('says where %j is wrong', (text, expected) => {
    expect(faultOf(text)).toContain(expected);
  });

  it('ends for any text', () => {
    const words = [
      'host',
      '10.0.0.1',
      'and',
      'or',
      'not',
      '(',
      ')',
      'src',
      'dst',
      'port',
      '5',
      'vni',
      '!',
      '&',
      '1-2',
      '/',
    ];
    for (let seed = 1; seed < 2000; seed++) {
      const text = Array.from(
        { length: 6 },
        (_, at) => words[(seed * (at + 7) * 31 + seed) % words.length],
      ).join(' ');
      expect(typeof faultOf(text)).toBe('string');
    }
  });
});
