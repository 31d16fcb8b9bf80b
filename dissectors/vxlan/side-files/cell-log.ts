import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** What logs of a Cloud Foundry cell say: its policy agent and garden (JSON lines), and the kernel (iptables LOG). */
export interface CellEvent {
  readonly origin: Origin;
  readonly kind:
    | 'metadata-missing'
    | 'rules-failed'
    | 'container-failed'
    | 'policy-failed'
    | 'component-failed'
    | 'ssh-disabled'
    | 'denied'
    | 'allowed';
  /** Of a packet in kern.log. */
  readonly source: string | null;
  readonly destination: string | null;
  readonly port: number | null;
  /** `C2C` (between containers) or `ASG` (egress), by the prefix of the line. */
  readonly scope: string | null;
  readonly text: string;
}

const EVENTS_MAX = 100_000;
/** What stands in code marks is cited by a page. */
const MISSING = /(?<!`)Container metadata is missing key policy_group_id/;
const RULES =
  /(?<!`)(?:iptables: (?:Bad rule|No chain\/target\/match by that name|Resource temporarily unavailable)|exit status \d{1,3}: (?:iptables|Another app))/;
const CONTAINER = /(?:external-network|CNI (?:ADD|add)|cni-wrapper-plugin).{0,400}exit status [1-9]/;
/** Lines of error (lager level 2, fatal 3) of the policy server and of what brings security groups to it. */
const IS_ERROR = /"log_level":[23]\b|"level":"(?:error|fatal)"/;
const POLICY = /"source":"cfnetworking\.policy-server(?:-internal|-asg-syncer)?"/;
const COMPONENT =
  /"source":"cfnetworking\.(?:silk-cni|silk-daemon|silk-controller|vxlan-policy-agent|cni-wrapper-plugin)"/;
/** What `cf ssh-enabled` and `cf space-ssh-allowed` print. */
const SSH_DISABLED = /^ssh support is disabled (?:for|in) /;
/** silk writes the prefix `DENY_C2C_`, `OK_…`, `DENY_ASG_…` and the id of the container in front of the packet. */
const PACKET =
  /\b(DENY|OK)_([A-Z0-9]{0,8})_?\S{0,64} ?(?:IN=\S{0,32} )?.{0,200}?\bSRC=([0-9a-fA-F.:]{2,45}) DST=([0-9a-fA-F.:]{2,45}) .{0,200}?(?:\bDPT=(\d{1,5})|$)/;

/** Logs of vxlan-policy-agent and garden, and kern.log with the packets that silk's rules log. */
export default defineSideFileReader<CellEvent>({
  kind: 'Cloud Foundry cell log',
  text: {
    words: {
      logs: [
        'a log of vxlan-policy-agent, policy-server, silk or garden',
        'kern.log with DENY_ and OK_ lines',
      ],
      outputOf: ['cf ssh-enabled', 'cf space-ssh-allowed'],
    },
    read: readCellLog,
  },
  commands: ['cfnetworking'],
  usedBy: ['silk.agent-failure', 'silk.denied-in-log'],
});

/** Empty where no line is of known meaning. */
function readCellLog({ file, lines }: TextFile): CellEvent[] {
  const events: CellEvent[] = [];
  for (const { text, number } of lines) {
    if (events.length >= EVENTS_MAX) break;
    const origin = { file, place: `line ${number}` };
    const nothing = { source: null, destination: null, port: null, scope: null, text };
    const packet = PACKET.exec(text);
    if (packet !== null) {
      const [, verdict, scope, source, destination, port] = packet;
      events.push({
        origin,
        kind: verdict === 'DENY' ? 'denied' : 'allowed',
        source: canonicalAddress(source),
        destination: canonicalAddress(destination),
        port: port === undefined ? null : Number(port),
        scope,
        text,
      });
    } else if (MISSING.test(text)) events.push({ origin, kind: 'metadata-missing', ...nothing });
    else if (RULES.test(text)) events.push({ origin, kind: 'rules-failed', ...nothing });
    else if (CONTAINER.test(text)) events.push({ origin, kind: 'container-failed', ...nothing });
    else if (SSH_DISABLED.test(text.trim())) events.push({ origin, kind: 'ssh-disabled', ...nothing });
    else if (IS_ERROR.test(text) && POLICY.test(text))
      events.push({ origin, kind: 'policy-failed', ...nothing });
    else if (IS_ERROR.test(text) && COMPONENT.test(text))
      events.push({ origin, kind: 'component-failed', ...nothing });
  }
  return events;
}
