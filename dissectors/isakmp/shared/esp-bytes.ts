import { groupBy } from '../../../src/correlate/group-by.js';
import type { Evidence } from '../../../src/diagnose/diagnosis.js';
import { espPairs } from '../../esp/correlator.js';
import type { EspPair, EspSa } from '../../esp/session.js';
import type { IkeSession } from '../session.js';

/** SPI, then sequence number: the first eight bytes of ESP, where IKE has the cookie of the initiator. */
const SPI_DIGITS = 8;

const sasOfRun = new WeakMap<readonly EspPair[], ReadonlyMap<number, readonly EspSa[]>>();

/**
 * The SA whose packet somebody took for IKE: its answer repeats the first bytes as cookies. By chance a cookie begins with the SPI
 * of an SA between the same hosts, and goes on with one of its sequence numbers, in fewer than one of 2^32.
 */
export function espTakenForIke(evidence: Evidence, session: IkeSession): EspSa | null {
  const spi = Number.parseInt(session.initiatorSpi.slice(0, SPI_DIGITS), 16);
  const sequence = Number.parseInt(session.initiatorSpi.slice(SPI_DIGITS), 16);
  const path = session.paths[0];
  return (
    sasBySpi(evidence)
      .get(spi)
      ?.find(
        ({ from, to, firstSequence, highestSequence, segment }) =>
          segment === session.segment &&
          sequence >= firstSequence &&
          sequence <= highestSequence &&
          ((from === path.initiator && to === path.responder) ||
            (from === path.responder && to === path.initiator)),
      ) ?? null
  );
}

function sasBySpi(evidence: Evidence): ReadonlyMap<number, readonly EspSa[]> {
  const pairs = evidence.sessions(espPairs);
  const known = sasOfRun.get(pairs);
  if (known) return known;
  const sas = pairs.flatMap(({ directions }) => directions).flatMap((direction) => direction.sas);
  const bySpi = groupBy(sas, ({ spi }) => spi);
  sasOfRun.set(pairs, bySpi);
  return bySpi;
}
