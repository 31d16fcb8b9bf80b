import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import * as bfd from '../layout.js';

const HEAD = /^BFDv1, length: (\d{1,3})$/;
const CONTROL =
  /^\s{1,8}Control, State (AdminDown|Down|Init|Up), Flags: \[([^\]]{0,100})\], Diagnostic: [^(]{1,60}\(0x([0-9a-f]{2})\)/;
const MULTIPLIER = /^\s{1,8}Detection Timer Multiplier: (\d{1,3}) \(/;
const DISCRIMINATORS = /^\s{1,8}My Discriminator: 0x([0-9a-f]{8}), Your Discriminator: 0x([0-9a-f]{8})$/;
const INTERVAL = /^\s{1,12}(?:Desired|Required) min (?:Tx|Rx|Echo) Interval: {1,6}(\d{1,8}) ms$/;
const MICROSECONDS = 1000;

const STATES: readonly string[] = ['AdminDown', 'Down', 'Init', 'Up'];
const FLAGS: readonly (readonly [string, number])[] = [
  ['Poll', bfd.FLAG_POLL],
  ['Final', bfd.FLAG_FINAL],
  ['Control Plane Independent', bfd.FLAG_CONTROL_PLANE_INDEPENDENT],
  ['Demand', bfd.FLAG_DEMAND],
];

/**
 * Control packets as -v prints them on several lines, whole but for fractions of a millisecond; without -v neither
 * discriminators nor intervals are printed, and so no packet. One with authentication is not read: its section is not printed.
 */
const bfdLines: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const length = Number(HEAD.exec(words)?.[1]);
    if (length !== bfd.MANDATORY_LENGTH) return null;
    const [control = '', multiplier = '', discriminators = '', ...intervals] = line.more;
    const [, state = '', flags = '', diagnostic = ''] = CONTROL.exec(control) ?? [];
    const [, mine = '', yours = ''] = DISCRIMINATORS.exec(discriminators) ?? [];
    const times = intervals.slice(0, 3).map((text) => Number(INTERVAL.exec(text)?.[1]));
    if (state === '' || mine === '' || times.length < 3 || times.some(Number.isNaN)) return null;
    const { bytes, view } = blankLayer(bfd.MANDATORY_LENGTH);
    view.setUint8(
      bfd.VERSION_AND_DIAGNOSTIC,
      (bfd.VERSION << bfd.VERSION_SHIFT) | (Number.parseInt(diagnostic, 16) & bfd.DIAGNOSTIC_MASK),
    );
    const bits = FLAGS.reduce((sum, [name, bit]) => (flags.includes(name) ? sum | bit : sum), 0);
    view.setUint8(bfd.STATE_AND_FLAGS, (STATES.indexOf(state) << bfd.STATE_SHIFT) | bits);
    view.setUint8(bfd.DETECT_MULTIPLIER, Number(MULTIPLIER.exec(multiplier)?.[1] ?? 0));
    view.setUint8(bfd.LENGTH, length);
    view.setUint32(bfd.MY_DISCRIMINATOR, Number.parseInt(mine, 16));
    view.setUint32(bfd.YOUR_DISCRIMINATOR, Number.parseInt(yours, 16));
    const [transmit = 0, receive = 0, echo = 0] = times;
    view.setUint32(bfd.DESIRED_MIN_TX, transmit * MICROSECONDS);
    view.setUint32(bfd.REQUIRED_MIN_RX, receive * MICROSECONDS);
    view.setUint32(bfd.REQUIRED_MIN_ECHO_RX, echo * MICROSECONDS);
    return { bytes, length };
  },
};
export default bfdLines;
