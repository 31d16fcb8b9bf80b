import type { FlowRegistry } from './flow-registry.js';
import type { Traffic } from './traffic.js';

/*
 * A mirror session (ERSPAN, or VXLAN, Geneve, GRE from a cloud's tap) is no tunnel between networks but the way by which a
 * capture came here: what it carries was seen on a link, and is judged as if it had been captured there.
 */

type Flows = Pick<
  FlowRegistry,
  'forEachConversation' | 'stack' | 'parentStack' | 'tunnelLayers' | 'wentThrough'
>;
type Known = { readonly flows: Flows; readonly traffic: Traffic };

const ONE_WAY = [0b01, 0b10];

const mirrorsOfRun = new WeakMap<Traffic, ReadonlySet<number>>();

/** Whether packets in the stack are those of a link: in no tunnel, or as a mirror session brings them. */
export function isOnLink(known: Known, stack: number): boolean {
  return stack === 0 || isMirror(known, stack);
}

/** The stack of the outermost tunnel around a flow that mirrors nothing; 0 where there is none. */
export function outermostTunnel(known: Known, stack: number): number {
  let outermost = 0;
  for (let at = stack; at !== 0; at = known.flows.parentStack(at)) if (!isMirror(known, at)) outermost = at;
  return outermost;
}

function isMirror(known: Known, stack: number): boolean {
  return known.flows.tunnelLayers(stack).at(-1)?.kind === 'erspan' || mirrorsOf(known).has(stack);
}

/** Stacks whose tunnel carries both directions of an inner conversation one way, and nothing the other way. */
function mirrorsOf({ flows, traffic }: Known): ReadonlySet<number> {
  const known = mirrorsOfRun.get(traffic);
  if (known) return known;
  const waysOf = new Map<number, number>();
  const candidates = new Set<number>();
  flows.forEachConversation((flow) => {
    const stack = flows.stack(flow);
    if (stack === 0) return;
    let ways = 0;
    for (const way of [0, 1]) {
      const [there, back] = [flows.wentThrough(flow, 0, way), flows.wentThrough(flow, 1, way)];
      if (there || back) ways |= 1 << way;
      if (there && back) candidates.add(stack);
    }
    waysOf.set(stack, (waysOf.get(stack) ?? 0) | ways);
  });
  const mirrors = new Set([...candidates].filter((stack) => ONE_WAY.includes(waysOf.get(stack) ?? 0)));
  mirrorsOfRun.set(traffic, mirrors);
  return mirrors;
}
