import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

/** What lies behind an interface of VPP: an address that is routed there, or the device in the namespace of a pod. */
export interface VppPod {
  readonly origin: Origin;
  /** `tun3` */
  readonly interface: string;
  /** Of `show ip fib ADDRESS`; null where the fact is of `show tun`. */
  readonly address: string | null;
  /** Of `show tun`: `eth0 in /proc/17675/ns/net`. */
  readonly device: string | null;
}

const NODE_PATH = /^\s+([0-9a-fA-F.:]{2,45}) (tun\d{1,6}) \(p2p\)/;
const TUN = /^Interface: (\S{1,64}) \(ifindex \d{1,9}\)/;
const NAME = /^\s+name "([^"]{1,64})"/;
const NAMESPACE = /^\s+host-ns "([^"]{1,200})"/;

/** `show ip fib ADDRESS` and `show tun` of VPP: which interface belongs to which pod. */
export default defineSideFileReader<VppPod>({
  kind: 'VPP pods',
  text: { words: { outputOf: ['vppctl show ip fib', 'vppctl show tun'] }, read: readPods },
  names: { rank: 'interface', nameOf: podName },
  usedBy: ['vpp.interface-loss'],
});

/** Empty where no line names a tun interface. */
function readPods({ file, lines }: TextFile): VppPod[] {
  const pods: (VppPod & { device: string | null })[] = [];
  let open: (VppPod & { device: string | null }) | null = null;
  for (const { text, number } of lines) {
    const origin = { file, place: `line ${number}` };
    const [, next, device] = NODE_PATH.exec(text) ?? [];
    const address = next === undefined ? null : canonicalAddress(next);
    const tun = TUN.exec(text)?.[1];
    if (address !== null) pods.push({ origin, interface: device, address, device: null });
    else if (tun !== undefined) {
      open = { origin, interface: tun, address: null, device: null };
      pods.push(open);
    } else if (withoutPrompt(text) !== text) open = null;
    else if (open !== null) {
      open.device ??= NAME.exec(text)?.[1] ?? null;
      const namespace = NAMESPACE.exec(text)?.[1];
      if (namespace !== undefined && open.device !== null && !open.device.includes(' in '))
        open.device = `${open.device} in ${namespace}`;
    }
  }
  return pods;
}

/** "tun3 (eth0 in /proc/17675/ns/net)". */
function podName(address: string, pods: readonly VppPod[]): string | null {
  const routed = pods.find((one) => one.address === address);
  if (routed === undefined) return null;
  const device = pods.find((one) => one.interface === routed.interface && one.device !== null)?.device;
  return device ? `${routed.interface} (${device})` : routed.interface;
}
