import { dissectors, textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { reopenableInputs } from '../capture/input-spill.js';
import { linkTypeName } from '../capture/link-types.js';
import {
  IDENTITY_DEPTH_MASK,
  IDENTITY_DEPTH_SHIFT,
  IDENTITY_FRAGMENT,
  IDENTITY_MORE_FRAGMENTS,
} from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import { ORIGIN_ASSEMBLED } from '../observe/table.js';
import { stringifyJson } from '../report/escape.js';
import {
  type FrameView,
  frameText,
  type MessageView,
  type PacketView,
  type SessionView,
} from '../report/frame-view.js';
import type { Report } from '../report/report.js';
import { formatRfc3339 } from '../rfc3339.js';
import { hasPorts } from '../select/filter-terms.js';
import { flowView } from '../select/flow-view.js';
import { fieldsOf } from '../select/frame-rows.js';
import { LayerReader } from '../select/layer-reader.js';
import { absoluteNs, frameId, frameNumberOf } from '../units.js';
import {
  IPV4_FRAGMENT,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER,
} from '../wire/ip.js';
import { type Judged, judgeInput } from './judge-input.js';
import type { ShowCommandOptions } from './show-options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan show`: the layers of frames, and what the report makes of them.
 * @returns the exit code.
 * @throws UsageError for a frame that there is not, CaptureError
 */
export async function runShow(options: ShowCommandOptions, terminal: Terminal): Promise<number> {
  const [input] = await reopenableInputs([options.capture]);
  const views = await viewsOf(input, options.frames);
  const text =
    options.format === 'json'
      ? `${stringifyJson({ schema: 'capan-frames/1', file: options.capture, frames: views }, 2)}\n`
      : frameText(views, options.capture);
  await terminal.write(text);
  return 0;
}

/** @param frames in order */
export async function viewsOf(input: CaptureInput, frames: readonly number[]): Promise<FrameView[]> {
  const { report, sessions } = await judgeInput(input);
  if (report.captures.length > 1) throw new UsageError('show takes one file');
  const views = await readFrames(input, new Set(frames), report, sessions);
  const [missing] = frames.filter((frame) => !views.some((view) => view.frame === frame));
  const last = report.captures[0]?.frames ?? 0;
  if (missing !== undefined)
    throw new UsageError(`there is no frame ${missing}: the capture has ${last} frames`);
  return views;
}

const CHUNK = { chunkBytes: 1 << 20, frameCapacity: 16_384 };

async function readFrames(
  input: CaptureInput,
  wanted: ReadonlySet<number>,
  report: Report,
  sessions: Judged['sessions'],
): Promise<FrameView[]> {
  const source = await openCaptureSource([input], textCaptures);
  const reader = new LayerReader(dissectors, CHUNK);
  const views: FrameView[] = [];
  try {
    while (views.length < wanted.size && (await source.fill(reader.chunk))) {
      const { number } = reader.chunk.frames;
      for (const round of reader.rounds()) {
        for (let index = round.firstFrame; index < round.nextFrame; index++)
          if (wanted.has(number[index])) views.push(viewOf(round, index, source, report, sessions));
      }
    }
  } finally {
    await source.close();
  }
  return views;
}

function viewOf(
  slot: Slot,
  index: number,
  source: CaptureSource,
  report: Report,
  sessions: Judged['sessions'],
): FrameView {
  const { frames, segment } = slot.chunk;
  const frame = frames.number[index];
  const { baseNs, clock } = source.segments[segment] ?? { baseNs: 0n, clock: 'relative' };
  const ns = absoluteNs(baseNs, frames.timeNs[index]);
  const firstNs = source.captures[0]?.firstTimeNs ?? null;
  const time = ns === null || clock === 'relative' ? null : formatRfc3339(ns);
  const packets = packetsOf(slot, index);
  const tunnels = tunnelsOf(packets, report);
  return {
    frame,
    time,
    relativeSeconds: ns === null || firstNs === null ? null : Number(ns - firstNs) / 1e9,
    capturedLength: frames.capturedLength[index],
    originalLength: frames.originalLength[index],
    linkType: linkTypeName(frames.linkType[index]),
    interface: source.interfaces[frames.interfaceIndex[index]]?.name ?? null,
    packets,
    messages: messagesOf(slot, index),
    tunnels,
    sessions: sessionsOf(sessions, frame, packets),
    findings: findingsOf(report, frame, time, tunnels),
  };
}

function packetsOf(slot: Slot, index: number): PacketView[] {
  const { identities } = slot;
  const packets: PacketView[] = [];
  for (let row = 0; row < identities.rows.length; row++) {
    if (identities.rows.frame[row] !== index || identities.rows.flow[row] < 0) continue;
    const flags = identities.flags[row];
    packets.push({
      depth: (flags >> IDENTITY_DEPTH_SHIFT) & IDENTITY_DEPTH_MASK,
      ...flowView(slot, identities.rows.flow[row], identities.rows.direction[row]),
      ...portsInPacket(slot, identities.packetOffset[row]),
      timeToLive: identities.timeToLive[row],
      length: identities.networkLength[row],
      offset: identities.packetOffset[row] - slot.chunk.frames.offset[index],
      fragment:
        (flags & IDENTITY_FRAGMENT) === 0
          ? null
          : {
              identification: identities.identification[row],
              offset: identities.offset[row],
              more: (flags & IDENTITY_MORE_FRAGMENTS) !== 0,
            },
    });
  }
  return packets.sort((a, b) => a.depth - b.depth);
}

/** As they stand in the packet: a flow of a tunnel has none where the sender draws them anew for what it carries. */
function portsInPacket(
  { view, chunk }: Slot,
  packet: number,
): { sourcePort?: number; destinationPort?: number } {
  const version = view.getUint8(packet) >> 4;
  const isFour = version === 4;
  const protocol = view.getUint8(packet + (isFour ? IPV4_PROTOCOL : IPV6_NEXT_HEADER));
  const isLater = isFour && (view.getUint16(packet + IPV4_FRAGMENT) & IPV4_OFFSET_MASK) !== 0;
  const at = packet + (isFour ? (view.getUint8(packet) & 0x0f) * 4 : IPV6_HEADER_LENGTH);
  if ((version !== 4 && version !== 6) || !hasPorts(protocol) || isLater || at + 4 > chunk.bytes.length)
    return {};
  return { sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
}

function messagesOf(slot: Slot, index: number): MessageView[] {
  return slot.tables.flatMap((table, at) => {
    const messages: MessageView[] = [];
    for (let row = 0; row < table.rows.length; row++) {
      if (table.rows.frame[row] !== index) continue;
      messages.push({
        protocol: dissectors[at].protocol,
        assembled: table.rows.origin[row] === ORIGIN_ASSEMBLED,
        fields: fieldsOf(table, row),
      });
    }
    return messages;
  });
}

function tunnelsOf(packets: readonly PacketView[], { tunnels }: Report): string[] {
  return tunnels
    .filter(({ endpoints, key, kind }) =>
      packets.some(({ source, destination }) => {
        if (!endpoints.includes(source) || !endpoints.includes(destination)) return false;
        const inside = packets.flatMap((packet) => packet.inside).filter((layer) => layer.kind === kind);
        return inside.length === 0 || typeof key !== 'number' || inside.some((layer) => layer.key === key);
      }),
    )
    .map(({ id }) => id);
}

function findingsOf(
  report: Report,
  frame: number,
  time: string | null,
  tunnels: readonly string[],
): FrameView['findings'] {
  return report.findings.flatMap(({ key, id, severity, title, evidence, tunnel, first, last }) => {
    const cited = evidence.find((one) => one.frame === frame);
    const isInside =
      tunnel !== undefined &&
      tunnels.includes(tunnel) &&
      time !== null &&
      first !== null &&
      last !== null &&
      first <= time &&
      time <= last;
    return cited === undefined && !isInside ? [] : { key, id, severity, title, why: cited?.summary ?? null };
  });
}

const SESSIONS_SHOWN_MAX = 20;
const DEPTH_MAX = 5;
const LIST_LOOKED_AT_MAX = 1000;

/** Sessions that name the frame, and else those between the hosts of its packets. */
function sessionsOf(
  sessions: Judged['sessions'],
  frame: number,
  packets: readonly PacketView[],
): SessionView[] {
  const id = frameId(0, frame);
  const found: SessionView[] = [];
  for (const [of, list] of sessions) {
    for (const session of list) {
      if (found.length >= SESSIONS_SHOWN_MAX) return found;
      const namesFrame = refersTo(session, id, 0);
      if (namesFrame || packets.some((packet) => isBetween(session, packet)))
        found.push({ of, namesFrame, facts: factsOf(session) });
    }
  }
  return found.some(({ namesFrame }) => namesFrame) ? found.filter(({ namesFrame }) => namesFrame) : found;
}

function refersTo(value: unknown, frame: number, depth: number): boolean {
  if (value === null || typeof value !== 'object' || depth > DEPTH_MAX || ArrayBuffer.isView(value))
    return false;
  if ('frame' in value && typeof value.frame === 'number' && value.frame === frame) return true;
  const parts = Array.isArray(value) ? value.slice(0, LIST_LOOKED_AT_MAX) : Object.values(value);
  return parts.some((part) => refersTo(part, frame, depth + 1));
}

function isBetween(session: unknown, { source, destination }: PacketView): boolean {
  if (session === null || typeof session !== 'object') return false;
  const texts = Object.values(session).flatMap((value) =>
    typeof value === 'string'
      ? [value]
      : value !== null && typeof value === 'object' && 'address' in value && typeof value.address === 'string'
        ? [value.address]
        : [],
  );
  return texts.includes(source) && texts.includes(destination);
}

function factsOf(session: unknown): SessionView['facts'] {
  if (session === null || typeof session !== 'object') return {};
  const facts: Record<string, number | string | boolean> = {};
  for (const [name, value] of Object.entries(session)) {
    if (typeof value === 'string' || typeof value === 'boolean') facts[name] = value;
    else if (typeof value === 'number' && Number.isFinite(value)) facts[name] = value;
    else if (
      value !== null &&
      typeof value === 'object' &&
      'frame' in value &&
      typeof value.frame === 'number'
    )
      facts[name] = `frame ${frameNumberOf(value.frame)}`;
  }
  return facts;
}
