import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, seconds } from '../../src/units.js';
import { formatAddress, formatIpv4 } from '../../src/wire/address.js';
import { AFI_IPV6 } from './layout.js';
import type { BgpTable } from './rows.js';
import type { FlappingRoute } from './session.js';

/** Withdrawn prefixes of one side of one connection that are followed at once; later ones are not. */
const WITHDRAWN_MAX = 1024;
/** Cycles further apart are changes of the network, not a flap. */
export const FLAP_WINDOW_SECONDS = 600;
/** So many cycles within the window make a flap (the ledger keeps the ends of as many). */
export const FLAP_CYCLES_MIN = 3;

interface Withdrawn {
  readonly prefix: string;
  readonly firstWithdrawn: FrameRef;
  lastWithdrawn: FrameRef;
  lastAnnounced: FrameRef | null;
  isUp: boolean;
  cycles: number;
  densest: number;
  /** When the last FLAP_CYCLES_MIN cycles and more began, oldest first; those older than the window are dropped. */
  startsNs: Nanoseconds[];
}

/**
 * Routes that one side withdraws and announces again. A prefix is followed from its first withdrawal on, so a table that is
 * announced costs nothing; at most WITHDRAWN_MAX prefixes are.
 */
export class RouteLedger {
  private readonly byRoute = new Map<string, Withdrawn>();

  get size(): number {
    return this.byRoute.size;
  }

  add(table: BgpTable, text: readonly Int32Array[], row: number, ref: FrameRef): void {
    const isWithdrawn = table.withdrawn[row] === 1;
    if (!isWithdrawn && this.byRoute.size === 0) return;
    const words = [text[0][row], text[1][row], text[2][row], text[3][row]];
    const bits = table.length[row];
    const key = `${table.multiprotocol[row]} ${table.identifier[row]} ${bits} ${words.join(' ')}`;
    const known = this.byRoute.get(key);
    if (known) note(known, isWithdrawn, ref);
    else if (isWithdrawn && this.byRoute.size < WITHDRAWN_MAX) {
      const isIpv6 = table.multiprotocol[row] === AFI_IPV6;
      const address = isIpv6 ? formatAddress(Int32Array.from(words)) : formatIpv4(words[0]);
      this.byRoute.set(key, firstOf(`${address}/${bits}`, ref));
    }
  }

  forgetSteady(): void {
    for (const [key, { cycles }] of this.byRoute) if (cycles < 2) this.byRoute.delete(key);
  }

  flapping(): FlappingRoute[] {
    return [...this.byRoute.values()].flatMap((route) => {
      const { prefix, cycles, densest, firstWithdrawn, lastWithdrawn, lastAnnounced } = route;
      if (densest < FLAP_CYCLES_MIN || !lastAnnounced) return [];
      return [
        {
          prefix,
          cycles,
          densest,
          firstWithdrawn,
          lastWithdrawn,
          lastAnnounced,
        },
      ];
    });
  }
}

function firstOf(prefix: string, ref: FrameRef): Withdrawn {
  return {
    prefix,
    firstWithdrawn: ref,
    lastWithdrawn: ref,
    lastAnnounced: null,
    isUp: false,
    cycles: 0,
    densest: 0,
    startsNs: [],
  };
}

/** Announced twice without a withdrawal between them: other attributes, no cycle. */
function note(route: Withdrawn, isWithdrawn: boolean, ref: FrameRef): void {
  if (isWithdrawn) {
    if (!route.isUp) return;
    route.isUp = false;
    route.lastWithdrawn = ref;
    return;
  }
  if (route.isUp) return;
  route.isUp = true;
  route.lastAnnounced = ref;
  route.cycles++;
  const oldest = ref.timeNs - seconds(FLAP_WINDOW_SECONDS);
  route.startsNs = [...route.startsNs.filter((at) => at >= oldest), route.lastWithdrawn.timeNs].slice(-64);
  route.densest = Math.max(route.densest, route.startsNs.length);
}
