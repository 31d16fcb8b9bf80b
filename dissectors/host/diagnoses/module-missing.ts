import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import kernelModules, { type KernelModules } from '../side-files/kernel-modules.js';

/** Modules that distributions never build in, with what does not work without them. */
const PURPOSES: ReadonlyMap<string, string> = new Map([
  ['openvswitch', 'the datapath of MidoNet and Open vSwitch forwards nothing'],
]);
/** May as well be built in, so that only a module that was looked for and is nowhere counts. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['vxlan', 'no VXLAN device can be made'],
  ['ip_gre', 'no GRE device can be made'],
  ['gre', 'no GRE device can be made'],
  ['geneve', 'no Geneve device can be made'],
  ['wireguard', 'no WireGuard device can be made'],
  ['tun', 'OpenVPN cannot make its interface'],
  ['af_key', 'IKE daemons that use PF_KEY cannot install SAs'],
  ['xfrm_user', 'IKE daemons cannot install SAs'],
  ['esp4', 'the kernel cannot do ESP'],
  ['esp6', 'the kernel cannot do ESP over IPv6'],
]);
/** Words of a whole list by which it is known that the host is one of MidoNet or Open vSwitch. */
const MIDONET_KINDS = ['tunnel zone', 'datapath', 'MidoNet hosts'];

export default defineDiagnosis({
  id: 'host.module-missing',
  title: 'Kernel module missing',
  severity: 'warning',
  subject: 'host',
  layer: 'link',
  priority: 2,
  lines: 'suffice',
  rule: 'An output (--log) shows it: modinfo or modprobe does not find a module of tunnels; lsmod | grep openvswitch finds nothing, or a whole lsmod of a MidoNet host lacks it; or modinfo shows a module that was built for another kernel than the one whose directory it is in.',
  notWhen:
    'The module is listed. A module that may be built into the kernel, and is only not listed, is not accused.',
  causes: [
    'The module was not loaded, or is blacklisted',
    'The kernel was updated, and the package with its extra modules was not, or the host was not restarted',
    'The module was built for another kernel',
  ],
  nextSteps: [
    'modprobe MODULE; dmesg | tail says why it fails',
    'uname -r, then modinfo MODULE: its vermagic must name that version; install linux-modules-extra of it (or openvswitch-datapath-dkms), and restart',
    'Restart what uses it: service midolman restart',
  ],
  refutedBy: 'A later lsmod that lists it.',
  source:
    'MidoNet guide (Linux kernel / Open vSwitch: modinfo, lsmod); openswan guide, situation D (mis-compiled kernel modules)',
  fault: 'unreachable',
  *diagnose(evidence): Generator<Judgement> {
    const outputs = evidence.side.of(kernelModules);
    const loaded = new Set(outputs.flatMap(({ kind, modules }) => (kind === 'loaded' ? modules : [])));
    const accused = new Set<string>();
    // Why it is not loaded says more than that it is not.
    for (const output of [...outputs].sort(
      (a, b) => Number(a.kind === 'loaded') - Number(b.kind === 'loaded'),
    )) {
      const judged = judge(evidence, output, loaded);
      if (judged === null || accused.has(String(judged.subject.module))) continue;
      if (judged.result === 'problem') accused.add(String(judged.subject.module));
      yield judged;
    }
  },
});

function judge(evidence: Evidence, output: KernelModules, loaded: ReadonlySet<string>): Judgement | null {
  const { kind, modules, filter, directoryVersion, builtFor, origin } = output;
  if (kind === 'loaded') {
    const wanted = filter ?? (isOfMidonet(evidence) ? 'openvswitch' : null);
    const purpose = wanted === null ? undefined : PURPOSES.get(wanted);
    if (wanted === null || purpose === undefined) return null;
    if (loaded.has(wanted)) return { result: 'healthy', subject: subjectOf(output, wanted) };
    // A list that breaks off behind its heading was cut.
    if (filter === null && modules.length === 0)
      return insufficientData(
        subjectOf(output, wanted),
        `The list of modules (${originText(origin)}) is empty; give the whole output of lsmod.`,
      );
    return problem(evidence, output, wanted, `is not loaded (${originText(origin)}): ${purpose}`);
  }
  const [name = ''] = modules;
  const purpose = PURPOSES.get(name) ?? OTHERS.get(name);
  if (purpose === undefined) return null;
  if (loaded.has(name)) return { result: 'healthy', subject: subjectOf(output, name) };
  if (kind === 'not-found') {
    const unless = OTHERS.has(name) ? ', unless it is built into the kernel' : '';
    return problem(evidence, output, name, `is not found (${originText(origin)}): ${purpose}${unless}`);
  }
  if (builtFor === null || directoryVersion === null || builtFor === directoryVersion)
    return { result: 'healthy', subject: subjectOf(output, name) };
  return problem(
    evidence,
    output,
    name,
    `was built for kernel ${builtFor} and lies in the directory of ${directoryVersion} (${originText(origin)}); the kernel refuses it, and ${purpose}`,
  );
}

function isOfMidonet({ side }: Evidence): boolean {
  return side.readers.some(({ kind }) => MIDONET_KINDS.includes(kind));
}

function subjectOf(
  { origin }: KernelModules,
  module: string,
): { kind: string; module: string; file: string } {
  return { kind: 'host', module, file: origin.file };
}

function problem(evidence: Evidence, output: KernelModules, module: string, words: string): Judgement {
  return statedProblem(evidence, {
    subject: subjectOf(output, module),
    // Older versions of modinfo do not know what is built in.
    confidence:
      output.kind === 'loaded' || (output.kind === 'not-found' && OTHERS.has(module)) ? 'medium' : 'high',
    explanation: `The kernel module ${module} ${words}.`,
    where: 'unknown',
    counts: { modules: output.modules.length },
    nextSteps: [
      ...(OTHERS.has(module)
        ? [`grep ${module} /lib/modules/$(uname -r)/modules.builtin: a line means that it is built in`]
        : []),
      `modprobe ${module}; dmesg | tail says why it fails`,
      `uname -r, then modinfo ${module}: its vermagic must name that version; install the modules of that kernel, and restart`,
    ],
  });
}
