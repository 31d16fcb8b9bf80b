import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { plural } from '../../../src/wording/counts.js';
import accessDenials from '../side-files/access-denials.js';

/** What the network of a daemon needs: sockets, ports, rights and the programs that it calls. Files are read in vain every day. */
const NETWORK =
  /\b(?:name_bind|name_connect|node_bind|bind|connect|create|listen|capable|exec|execute|net_admin|net_raw|nlmsg_\w+|send|sendmsg)\b/;

export default defineDiagnosis({
  id: 'host.access-denied',
  title: 'Access control stops a network daemon',
  severity: 'warning',
  subject: 'host',
  layer: 'application',
  priority: 3,
  lines: 'suffice',
  rule: 'A log of the kernel or of audit (--log) says that SELinux (not in permissive mode) or AppArmor denied something to a daemon of tunnels, keys or routes. Information where that is no more than a file.',
  notWhen: 'The denial concerns another program, or was only logged (permissive=1).',
  causes: [
    'The policy does not know of a port, a path or a script that the configuration of the daemon uses',
    'Files were copied or made with the wrong label (SELinux)',
  ],
  nextSteps: [
    'Test without it: setenforce 0 (AppArmor: aa-complain PROFILE); does the problem persist? Then switch it on again',
    'ausearch -m avc -ts recent | audit2why; restorecon -Rv the files that the line names, or allow the port: semanage port -a',
  ],
  refutedBy: 'The daemon does what was denied in a later line, or works the same with the policy off.',
  source: 'MidoNet guide (access control: SELinux, AppArmor); audit.log(5), apparmor(7)',
  fault: 'application',
  *diagnose(evidence): Generator<Judgement> {
    const denials = evidence.side.of(accessDenials);
    for (const program of new Set(denials.map((one) => one.program))) {
      const ofProgram = denials.filter((one) => one.program === program);
      const worst = ofProgram.find(({ operation }) => NETWORK.test(operation));
      const { system, operation, target, origin } = worst ?? ofProgram[0];
      yield statedProblem(evidence, {
        subject: { kind: 'host', program, file: origin.file },
        severity: worst === undefined ? 'info' : 'warning',
        confidence: 'medium',
        explanation: `${system} denied ${program} ${operation}${target === '' ? '' : ` of ${target}`} (${plural(ofProgram.length, 'line')}, first ${originText(origin)}).`,
        where: 'unknown',
        counts: { denials: ofProgram.length },
      });
    }
  },
});
