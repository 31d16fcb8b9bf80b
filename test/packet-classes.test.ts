import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import type { FaultKind } from '../src/diagnose/fault-kinds.js';

/*
 * Of findings about the same lost packets the sharpest leads (docs/decisions/0012). That works only where each says which
 * packets it is about, so every diagnosis of a kind that loses packets does, but for those named here.
 */

const LOSING: readonly FaultKind[] = [
  'path-loss',
  'unreachable',
  'policy',
  'refused',
  'mtu',
  'large-packets-lost',
];

const STATED = 'a side file, a log or a counter says so: which packets of the capture it took, nothing tells';
const LIMIT = 'a limit of size, with or without packets that are lost to it';
const ARRIVE = 'the packets arrive, damaged';
const INNER =
  'requests of inner hosts to several services: about the ends of the tunnel, not one class of their packets';
const STREAM = 'bytes of a connection that are sent again, and at last arrive or not';

const WITHOUT_CLASS: Readonly<Record<string, string>> = {
  'bgp.mtu': STREAM,
  'host.link-down': STATED,
  'host.link-errors': STATED,
  'host.module-missing': STATED,
  'host.no-route': STATED,
  'midonet.datapath-loss': STATED,
  'mtu.frag-needed': LIMIT,
  'mtu.mismatch': LIMIT,
  'mtu.ptb-ignored': LIMIT,
  'openvpn.outer-fragmentation': LIMIT,
  'overlay.asymmetric-encapsulation': INNER,
  'overlay.mss-too-large': LIMIT,
  'overlay.mtu-exceeded': LIMIT,
  'overlay.only-icmp-passes': INNER,
  'overlay.opens-from-inside': INNER,
  'packet.bad-checksum': ARRIVE,
  'packet.corrupted': ARRIVE,
  'path.lost-between': 'the stretch of the path on which what underlay.path-loss counts is lost',
  'scion.mtu-exceeded': LIMIT,
  'silk.agent-failure': STATED,
  'silk.cell-unresponsive': STATED,
  'silk.metadata-missing': STATED,
  'silk.tag-ip-mismatch': STATED,
  'tcp.arrived-not-acknowledged': STREAM,
  'underlay.ping-size-loss': 'pings of some sizes: the limit is drawn from the pings themselves',
  'vpp.interface-loss': STATED,
  'vpp.no-buffers': STATED,
  'vpp.node-failure': STATED,
  'vxlan.gbp-unknown-tag': STATED,
};

const folder = resolve(import.meta.dirname, '../dissectors');
const sources = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => [join(folder, file), readFileSync(join(folder, file), 'utf8')] as const),
);

/** The file of a diagnosis, and what it imports of the catalogue: a family's function may word the whole finding. */
function textOf(id: string): string {
  const own = [...sources].find(
    ([, text]) => text.includes(`id: '${id}'`) || text.includes(`const ID = '${id}'`),
  );
  if (!own) return '';
  const [file, text] = own;
  const imported = [...text.matchAll(/ from '(\.\.?\/[^']*)\.js'/g)].map(([, path]) =>
    sources.get(`${resolve(dirname(file), path)}.ts`),
  );
  return [text, ...imported].join('\n');
}

const DECLARES = /\bpackets: (?:\{\s*of:|packetsOf\(|problem\.packets|classOf\(|service,)/;

describe('a diagnosis of packets that do not arrive', () => {
  const losing = catalogue
    .flatMap(({ diagnoses }) => diagnoses)
    .filter(({ fault }) => LOSING.includes(fault));
  const silent = losing.filter(({ id }) => !DECLARES.test(textOf(id))).map(({ id }) => id);

  it('says of which class they are, or why it cannot', () => {
    expect(losing.length).toBeGreaterThan(40);
    const ofPackets = Object.values(WITHOUT_CLASS).filter((why) => why !== STATED);
    expect(ofPackets.length).toBeLessThan(losing.length / 2);
    expect(silent.sort()).toEqual(Object.keys(WITHOUT_CLASS).sort());
  });
});
