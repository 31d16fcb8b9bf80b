import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** Something that SELinux or AppArmor kept a program of tunnels from. */
export interface AccessDenial {
  readonly origin: Origin;
  readonly system: 'SELinux' | 'AppArmor';
  readonly program: string;
  /** `name_bind`, `open`. */
  readonly operation: string;
  readonly target: string;
}

const DENIALS_MAX = 100_000;
/** Daemons that make tunnels, their control and routes, and what they call. */
const PROGRAM =
  /^(?:pluto|charon(?:-systemd)?|starter|swanctl|openvpn|ovs-vswitchd|ovsdb-server|bgpd|zebra|frr|midolman|vpp(?:_main)?|wg|wg-quick|ip|_?updown|strongswan|addconn)$/;
/** `type=AVC msg=audit(…): avc:  denied  { name_bind } for  pid=1 comm="pluto" src=500 … permissive=0`. */
const AVC = /\bavc:\s+denied\s+\{ ([\w ]{1,80}) \} for\s.{0,200}?\bcomm="([^"]{1,64})"(.{0,400})$/;
const APPARMOR =
  /\bapparmor="DENIED" operation="([^"]{1,64})".{0,200}?(?:\bname="([^"]{1,200})".{0,200}?)?\bcomm="([^"]{1,64})"/;
/** Midolman runs in a virtual machine of Java, as much else does. */
const MIDOLMAN = /midolman|midonet/;
const TARGET = /\b(?:src|dest|path|name)="?([^\s"]{1,200})/;

/** Denials in audit.log, dmesg and journals. */
export default defineSideFileReader<AccessDenial>({
  kind: 'access denials',
  text: {
    words: { logs: ['audit.log with denials of SELinux or AppArmor'], outputOf: ['ausearch', 'dmesg'] },
    read: readDenials,
  },
  commands: ['getenforce', 'aa-status'],
  usedBy: ['host.access-denied'],
});

/** Empty where nothing was denied, or only to programs that have nothing to do with packets; what permissive mode would deny passes. */
function readDenials({ file, lines }: TextFile): AccessDenial[] {
  const found: AccessDenial[] = [];
  for (const { text, number } of lines) {
    if (found.length >= DENIALS_MAX) break;
    const origin = { file, place: `line ${number}` };
    const [, operations, selinux, rest] = AVC.exec(text) ?? [];
    const [, operation, name, apparmor] = APPARMOR.exec(text) ?? [];
    const isOfTunnels = (program: string): boolean =>
      PROGRAM.test(program) || (program === 'java' && MIDOLMAN.test(text));
    if (selinux !== undefined && isOfTunnels(selinux) && !/\bpermissive=1\b/.test(text)) {
      const target = TARGET.exec(rest)?.[1] ?? '';
      found.push({ origin, system: 'SELinux', program: selinux, operation: operations.trim(), target });
    } else if (apparmor !== undefined && isOfTunnels(apparmor)) {
      found.push({ origin, system: 'AppArmor', program: apparmor, operation, target: name ?? '' });
    }
  }
  return found;
}
