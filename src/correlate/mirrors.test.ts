import { describe, expect, it } from 'vitest';
import { APP_A, APP_B, CELL_A, CELL_B, innerPing } from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import icmpCorrelators, { echoStreams } from '../../dissectors/icmp/correlator.js';
import icmp from '../../dissectors/icmp/dissector.js';
import vxlan from '../../dissectors/vxlan/dissector.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { hostGroup } from './host-groups.js';
import { isOnLink, outermostTunnel } from './mirrors.js';

async function qualityOf(build: (t: Timeline) => void) {
  const t = siteTimeline('mirrors', PUBLIC_SITE, 12);
  build(t);
  const run = await runFrames(t.frames(), { dissectors: [icmp, vxlan], correlators: icmpCorrelators });
  const [{ stack }] = run.sessions(echoStreams).filter((one) => one.stack !== 0);
  return { quality: run.evidence.quality, stack };
}

/** Both hosts are behind the same end, as a tap sees them. */
const MIRRORED_B = { ...APP_B, cell: CELL_A };

describe('mirror sessions', () => {
  it('are the link on which their packets were seen', async () => {
    const { quality, stack } = await qualityOf((t) => {
      const reply = { reply: {} };
      for (const ping of [APP_A, MIRRORED_B]) {
        const to = ping === APP_A ? MIRRORED_B : APP_A;
        innerPing(
          t,
          { ...ping, cell: CELL_A },
          { ...to, cell: CELL_B },
          {
            at: 2,
            count: 4,
            identifier: ping === APP_A ? 1 : 2,
            isAnswered: () => false,
            ...reply,
          },
        );
      }
    });
    expect(isOnLink(quality, stack)).toBe(true);
    expect(outermostTunnel(quality, stack)).toBe(0);
    const hosts = hostGroup(quality, APP_A.address, stack).pairs.flatMap(({ a, b }) => [a, b]);
    expect(hosts).not.toContain(CELL_B.underlay.address);
  });

  it('differ from tunnels, whose answers come back through them, and from those that never answer', async () => {
    const twoWay = await qualityOf((t) => innerPing(t, APP_A, APP_B, { at: 2, count: 4, identifier: 1 }));
    expect(isOnLink(twoWay.quality, twoWay.stack)).toBe(false);
    expect(outermostTunnel(twoWay.quality, twoWay.stack)).toBe(twoWay.stack);
    const oneWay = await qualityOf((t) =>
      innerPing(t, APP_A, APP_B, { at: 2, count: 4, identifier: 1, isAnswered: () => false }),
    );
    expect(isOnLink(oneWay.quality, oneWay.stack)).toBe(false);
  });
});
