import { escapeText } from './escape.js';
import type { Severity } from './report.js';

/** An IP packet of a frame; of several the outermost first. */
export interface PacketView {
  /** Tunnels around it. */
  readonly depth: number;
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly timeToLive: number;
  /** On the wire, header included. */
  readonly length: number;
  /** Where its header begins in the frame. */
  readonly offset: number;
  readonly fragment: {
    readonly identification: number;
    readonly offset: number;
    readonly more: boolean;
  } | null;
  /** The conversation of which it is one direction: `vxlan 77 | udp 10.0.0.1:53 <-> 10.0.0.2:4000`. */
  readonly flow: string;
  readonly inside: readonly {
    readonly kind: string;
    readonly key: number;
    readonly ends: readonly [string, string];
  }[];
}

/** What a protocol reads in a frame. */
export interface MessageView {
  readonly protocol: string;
  /** The message began in earlier frames and is whole with this one. */
  readonly assembled: boolean;
  readonly fields: Readonly<Record<string, number | string>>;
}

export interface SessionView {
  readonly of: string;
  /** The session names this very frame; else it is one between the hosts of the frame. */
  readonly namesFrame: boolean;
  readonly facts: Readonly<Record<string, number | string | boolean>>;
}

export interface FrameView {
  readonly frame: number;
  readonly time: string | null;
  readonly relativeSeconds: number | null;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly linkType: string;
  readonly interface: string | null;
  readonly packets: readonly PacketView[];
  readonly messages: readonly MessageView[];
  /** Ids of the report. */
  readonly tunnels: readonly string[];
  readonly sessions: readonly SessionView[];
  readonly findings: readonly {
    readonly key: string;
    readonly id: string;
    readonly severity: Severity;
    readonly title: string;
    /** Why the finding cites it, or null where it lies in the time and tunnel of the finding. */
    readonly why: string | null;
  }[];
}

const FACTS_SHOWN_MAX = 12;

/** The layers of frames as text. */
export function frameText(views: readonly FrameView[], file: string): string {
  return `${views.map((view) => linesOf(view, file).map(escapeText).join('\n')).join('\n\n')}\n`;
}

function linesOf(view: FrameView, file: string): string[] {
  const { frame, time, relativeSeconds, capturedLength, originalLength, linkType } = view;
  const cut = capturedLength < originalLength ? `, ${capturedLength} of them captured` : '';
  const at = [
    ...(time === null ? [] : [time]),
    ...(relativeSeconds === null ? [] : [`+${relativeSeconds.toFixed(6)} s`]),
  ];
  return [
    `frame ${frame} of ${file}${at.length === 0 ? '' : `: ${at.join(', ')}`}`,
    `  link      ${linkType}, ${originalLength} bytes${cut}${view.interface === null ? '' : `, interface ${view.interface}`}`,
    ...view.packets.flatMap(packetLines),
    ...view.messages.map(({ protocol, assembled, fields }) => {
      const text = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
      return `  ${protocol.padEnd(9)} ${text.join(', ')}${assembled ? ' (whole with this frame)' : ''}`;
    }),
    ...listed('tunnel', view.tunnels),
    ...listed('session', view.sessions.map(sessionText)),
    ...listed(
      'finding',
      view.findings.map(
        ({ id, severity, title, why }) => `${severity} ${id}: ${title} (${why ?? 'in its time and tunnel'})`,
      ),
    ),
    ...(view.findings.length === 0 ? ['  finding   none'] : []),
  ];
}

function packetLines(packet: PacketView): string[] {
  const { source, destination, protocol, timeToLive, length, offset, fragment, depth } = packet;
  const port = (value: number | null): string => (value === null ? '' : ` port ${value}`);
  const pad = '  '.repeat(depth);
  const inFragments =
    fragment === null
      ? ''
      : `, fragment ${fragment.identification} at ${fragment.offset}${fragment.more ? ', more follow' : ', the last'}`;
  const [around] = packet.inside.slice(-1);
  return [
    ...(around === undefined
      ? []
      : [`  tunnel    ${pad.slice(2)}${around.kind} ${around.key} ${around.ends.join(' <-> ')}`]),
    `  packet    ${pad}${source}${port(packet.sourcePort)} -> ${destination}${port(packet.destinationPort)}, ${protocol}, TTL ${timeToLive}, ${length} bytes at ${offset}${inFragments}`,
    `  flow      ${pad}${packet.flow}`,
  ];
}

function sessionText({ of, namesFrame, facts }: SessionView): string {
  const shown = Object.entries(facts).slice(0, FACTS_SHOWN_MAX);
  const text = shown.map(([name, value]) => `${name} ${value}`).join(', ');
  return `${of}${namesFrame ? ', names this frame' : ''}: ${text}`;
}

function listed(name: string, items: readonly string[]): string[] {
  return items.map((item, index) => `  ${(index === 0 ? name : '').padEnd(9)} ${item}`);
}
