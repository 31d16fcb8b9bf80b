import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/correlate/correlator.js';
import { defineCorrelator } from '../../src/correlate/correlator.js';
import { ascii, concat, hex } from '../../test/build/bytes.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { tcp as segmentBytes } from '../../test/build/tcp.js';
import tcp from './dissector.js';
import {
  classifyHttpStart,
  digestRequestTarget,
  HTTP_EVENT_STREAM,
  HTTP_NONE,
  HTTP_REQUEST,
  HTTP_RESPONSE,
} from './http-start.js';
import { AUTHENTICATION_MD5, AUTHENTICATION_OPTION } from './shared/authentication.js';

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const classify = (line: string): number => {
  const bytes = ascii(line);
  return classifyHttpStart(viewOf(bytes), 0, bytes.length);
};

describe('the start of an HTTP/1 message', () => {
  it.each([
    'GET / HTTP/1.1\r\n',
    'POST /a HTTP/1.0\r\n',
    'OPTIONS * HTTP/1.1',
    'DELETE /x HTTP/1.1',
    'PATCH /x HTTP/1.1',
  ])('knows the request %j', (line) => expect(classify(line)).toBe(HTTP_REQUEST));

  it.each([
    ['HTTP/1.1 200 OK\r\n', 2],
    ['HTTP/1.0 404 Not Found', 4],
    ['HTTP/1.1 100 Continue', 1],
    ['HTTP/1.1 503 Busy', 5],
  ])('knows the response %j', (line, statusClass) =>
    expect(classify(line)).toBe(HTTP_RESPONSE | statusClass),
  );

  it.each([
    'GET /',
    'HTTP/2.0 200 OK',
    'HTTP/1.1 999 Odd',
    'CONNECT a:443 HTTP/1.1',
    'GETTING THERE',
    'PRI * HTTP/2.0\r\n',
    '',
  ])('takes %j for something else', (line) => expect(classify(line)).toBe(HTTP_NONE));

  it('sees event streams in either head', () => {
    expect(classify('GET /e HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n')).toBe(
      HTTP_REQUEST | HTTP_EVENT_STREAM,
    );
    expect(classify('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n')).toBe(
      HTTP_RESPONSE | 2 | HTTP_EVENT_STREAM,
    );
  });

  it('digests method and path, not the query', () => {
    const digest = (line: string): number => {
      const bytes = ascii(line);
      return digestRequestTarget(viewOf(bytes), 0, bytes.length);
    };
    expect(digest('GET /poll?n=1 HTTP/1.1')).toBe(digest('GET /poll?n=2 HTTP/1.1'));
    expect(digest('GET /poll HTTP/1.1')).toBe(digest('GET /poll?x HTTP/1.1'));
    expect(digest('GET /poll HTTP/1.1')).not.toBe(digest('GET /pull HTTP/1.1'));
    expect(digest('GET /poll HTTP/1.1')).not.toBe(digest('PUT /poll HTTP/1.1'));
  });

  it('reads nothing outside what it is given', () => {
    const line = ascii('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
    for (let length = 0; length <= line.length; length++) {
      const bytes = line.slice(0, length);
      expect(() => classifyHttpStart(viewOf(bytes), 0, bytes.length)).not.toThrow();
    }
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom('GET ', 'POST', 'HTTP', 'DELE', 'OPTI', 'PATC', ''),
        (tail, head) => {
          const bytes = concat(ascii(head), tail);
          classifyHttpStart(viewOf(bytes), 0, bytes.length);
          digestRequestTarget(viewOf(bytes), 0, bytes.length);
        },
      ),
    );
  });
});

interface Options {
  readonly maximumSegmentSize: number;
  readonly windowScale: number;
  readonly authentication: number;
}

const optionsSeen = defineCorrelator<Options, typeof tcp.observes>({
  name: 'test.options',
  reads: tcp,
  order: 'capture',
  create: () => {
    const seen: Options[] = [];
    return {
      consume({ columns, order }: Batch<typeof tcp.observes>, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const row = order[at];
          seen.push({
            maximumSegmentSize: columns.maximumSegmentSize[row],
            windowScale: columns.windowScale[row],
            authentication: columns.authentication[row],
          });
        }
      },
      sessions: () => seen,
    };
  },
});

async function optionsOf(options: Uint8Array, flags: readonly ('SYN' | 'ACK')[] = ['SYN']): Promise<Options> {
  const ends = { source: '192.0.2.1', destination: '198.51.100.7' };
  const payload = segmentBytes({
    ...ends,
    sourcePort: 40_000,
    destinationPort: 179,
    sequence: 1,
    flags,
    options,
  });
  const packet = ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload });
  const bytes = ethernet({
    source: '00:00:5e:00:53:01',
    destination: '00:00:5e:00:53:02',
    etherType: ETHER_TYPE.ipv4,
    payload: packet,
  });
  const run = await runFrames([{ timeNs: 1n, bytes }], { dissectors: [tcp], correlators: [optionsSeen] });
  const [options0] = run.sessions(optionsSeen);
  if (!options0) throw new Error('no row');
  return options0;
}

describe('the options of a SYN', () => {
  // MSS 1460; no-operation; window scale 7; SACK permitted; timestamps.
  const LINUX = hex('020405b4 01 030307 0402 080a 00000001 00000000');

  it('are read in any order', async () => {
    expect(await optionsOf(LINUX)).toEqual({ maximumSegmentSize: 1460, windowScale: 8, authentication: 0 });
    expect(await optionsOf(hex('01 01 030300 020405dc'))).toEqual({
      maximumSegmentSize: 1500,
      windowScale: 1,
      authentication: 0,
    });
  });

  it('name the authentication', async () => {
    const md5 = concat(hex('1312'), new Uint8Array(16), hex('01 01'));
    expect((await optionsOf(md5)).authentication).toBe(AUTHENTICATION_MD5);
    const ao = concat(hex('1d10 0101'), new Uint8Array(12));
    expect((await optionsOf(ao)).authentication).toBe(AUTHENTICATION_OPTION);
  });

  it('are not read of other segments', async () => {
    expect((await optionsOf(LINUX, ['ACK'])).maximumSegmentSize).toBe(0);
  });

  it.each(['0200', '0201 0000', '02ff 05b4', '00 020405b4 000000', '02'])('stop at %s', async (bytes) => {
    expect((await optionsOf(hex(bytes))).maximumSegmentSize).toBe(0);
  });
});
