import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { type RecordedRow, rowRecorder } from '../../test/build/recorded-rows.js';
import { dissectors } from '../index.js';
import {
  CONTROL_BEACON,
  CONTROL_KEEPALIVE,
  CONTROL_OTHER,
  CONTROL_REGISTRATION,
  ControlReader,
} from './control-payload.js';
import { PATH_KIND_LONGER, PATH_KIND_ONE_HOP, scionDissector } from './dissector.js';

/* What other programs make of SCION, written down as values: capnp with the schemas of 2018, Wireshark with scionproto's dissector. */

/**
 * Bytes that `capnp encode --packed` of capnproto 0.9.2 writes of a SignedCtrlPld by the schemas of June 2018 (those of March 2018 to
 * September 2020 write the same), behind their length; request id 0x3a9c51e70d62b814.
 */
const BY_CAPNP = {
  'a keepalive of interface 5': [
    CONTROL_KEEPALIVE,
    '00000025100b40021105d251100202ff10075002020102ff0114b8620de7519c3ace11040201050004',
  ],
  'a keepalive relayed by interface 12, with a trace id': [
    CONTROL_KEEPALIVE,
    '00000036100c40023105320151140202ff10085002020102ff0314b8620de7519c3a00110402110942032c01010cff6162631f64656667680003',
  ],
  'a beacon, signed inside and outside': [
    CONTROL_BEACON,
    '0000016d103140023105fa0651700202ff10245002020101ff0114b8620de7519c3a9e5104010101ff05400211058211091817ff30313233343536370138396162636465664104023105020151100202ff30313233343536370338396162636465663031323334353637383961626364656601010f808c105b31055a0131190202ff44454641554c543a042049413a2031372d666661613a303a3131303720434841494e3a203120545243073a2031ff30313233343536370738396162636465663031323334353637383961626364656630313233343536373839616263646566303132333435363738396162636465660001010f808c105b31055a0131190202ff44454641554c543a042049413a2031372d666661613a303a3131303720434841494e3a203120545243073a2031ff3031323334353637073839616263646566303132333435363738396162636465663031323334353637383961626364656630313233343536373839616263646566',
  ],
  'a registration of a path segment': [
    CONTROL_REGISTRATION,
    '00000050100f40023105fa0151200202ff10105002020104ff0114b8620de7519c3a9e51040101013f034002110517ff510401010102400200e7110582ff3031ff32333435363701380139616263646566000003',
  ],
  'a request for path segments': [
    CONTROL_OTHER,
    '0000002e100c400231050a0151140202ff100a5002020104ff0114b8620de7519c3a9e51040101017f011003010101020004',
  ],
  'a revocation': [
    CONTROL_OTHER,
    '00000042100e400231059201511c0202ff100b5002020104ff0114b8620de7519c3a9e51040101013f054002110582ffff303132333435360137013839616263640365660003',
  ],
  'a request for a certificate chain': [
    CONTROL_OTHER,
    '0000002c100b40021105fa51100202ff100a5002020103ff0114b8620de7519c3a9e51040101015f0110030105010003',
  ],
} as const;

describe('control messages that capnp wrote', () => {
  it.each(Object.entries(BY_CAPNP))('%s', (_, [kind, hex]) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const view = new DataView(bytes.buffer);
    expect(new ControlReader().read(view, 0, bytes.length, bytes.length)).toBe(kind);
  });
});

const at = (text: string): number => Date.parse(`${text}Z`) / 1000;
const AS_110 = 0xff00_0000_0110;
const AS_111 = 0xff00_0000_0111;
const AS_112 = 0xff00_0000_0112;

/** Frames of sample captures as tshark 4.0.17 reads them with the dissector in Lua of scionproto; times are UTC. */
const BY_WIRESHARK: readonly (readonly [string, number, Readonly<Record<string, number>>])[] = [
  [
    'scion-current-healthy.pcap',
    27,
    {
      destinationIsd: 1,
      destinationAs: AS_112,
      sourceIsd: 1,
      sourceAs: AS_110,
      pathKind: PATH_KIND_LONGER,
      expirySeconds: at('2026-03-03T04:13:05'),
      scmp: 128 << 8,
      identifier: 12_716,
      sequence: 0,
    },
  ],
  ['scion-current-healthy.pcap', 42, { sourceAs: AS_112, scmp: 129 << 8, identifier: 12_716, sequence: 1 }],
  ['scion-current-healthy.pcap', 61, { destinationAs: AS_112, sourceAs: AS_110, session: 1 }],
  // The path of a BFD packet says 22:13:55: routers make it ten seconds older than the packet.
  [
    'scion-current-healthy.pcap',
    3,
    {
      destinationAs: AS_111,
      sourceAs: AS_110,
      pathKind: PATH_KIND_ONE_HOP,
      stampSeconds: at('2026-03-02T22:13:55') + 10,
    },
  ],
  [
    'scion-router-clock.pcap',
    3,
    { pathKind: PATH_KIND_ONE_HOP, stampSeconds: at('2026-03-02T20:13:55') + 10 },
  ],
  ['scion-scmp-errors.pcap', 29, { sourceAs: AS_111, scmp: 5 << 8, interfaceId: 8 }],
  ['scion-scmp-errors.pcap', 45, { sourceAs: AS_111, scmp: 2 << 8, mtu: 1400 }],
  ['scion-path-expired.pcap', 28, { scmp: (4 << 8) | 52, expirySeconds: at('2026-03-03T04:13:05') }],
];

async function rowsOf(file: string): Promise<readonly RecordedRow[]> {
  const recorder = rowRecorder(scionDissector);
  const path = new URL(`../../captures/${file}`, import.meta.url).pathname;
  const source = await openCaptureSource([path]);
  try {
    const { runner } = await runPipeline(source, dissectors, [recorder], { threads: 0 });
    return (runner.sessions().get(recorder.name) ?? []) as readonly RecordedRow[];
  } finally {
    await source.close();
  }
}

describe('frames as Wireshark reads them', () => {
  it.each(BY_WIRESHARK)('%s, frame %i', async (file, frame, values) => {
    const row = (await rowsOf(file)).find((one) => one.frame === frame);
    expect(row?.values).toMatchObject(values);
  });
});
