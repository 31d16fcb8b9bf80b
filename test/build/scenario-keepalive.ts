import { keepaliveLinks } from '../../dissectors/keepalive/correlator.js';
import gap from '../../dissectors/keepalive/diagnoses/gap.js';
import jitter from '../../dissectors/keepalive/diagnoses/jitter.js';
import oneWay from '../../dissectors/keepalive/diagnoses/one-way.js';
import stopped from '../../dissectors/keepalive/diagnoses/stopped.js';
import { unclaimedUdp } from '../../dissectors/keepalive/dissector.js';
import type { KeepaliveLink } from '../../src/correlate/periodic/session.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { icmpEcho } from './icmp.js';
import { IP_PROTOCOL } from './ip.js';
import { runFrames } from './run-capture.js';
import { type Timeline, timeline } from './scenario.js';

const START_NS = 1_700_000_000_000_000_000n;
export const HERE = { address: '10.0.8.8', mac: '02:00:00:00:00:01', ttl: 64, port: 50_000 };
export const THERE = { address: '10.0.8.1', mac: '02:00:00:00:00:02', ttl: 64, port: 50_015 };
export const OTHER = { address: '10.0.8.7', mac: '02:00:00:00:00:03', ttl: 64, port: 9 };
export const PARTS = { dissectors: [unclaimedUdp], correlators: [keepaliveLinks] };
const DIAGNOSES = [gap, stopped, oneWay, jitter];

export type Socket = typeof HERE;

interface Beat {
  readonly from?: Socket;
  readonly to?: Socket;
  readonly at?: number;
  readonly count: number;
  readonly period?: number;
  readonly length?: (beat: number) => number;
  readonly lost?: (beat: number) => boolean;
  readonly delay?: (beat: number) => number;
}

export function beats(t: Timeline, beat: Beat): void {
  const { from = HERE, to = THERE, at = 1, count, period = 1, length = () => 81 } = beat;
  for (let i = 0; i < count; i++) {
    if (beat.lost?.(i)) continue;
    const seconds = at + i * period + t.random.between(0, 0.003) + (beat.delay?.(i) ?? 0);
    t.sendUdp(seconds, from, to, new Uint8Array(length(i)));
  }
}

/** The stream opposite, half a period off. */
export function beatsBack(t: Timeline, beat: Beat): void {
  beats(t, { at: 1.45, ...beat, from: beat.from ?? THERE, to: beat.to ?? HERE });
}

/** Frames of hosts that have nothing to do with it, so that the capture is never silent. */
export function bystander(t: Timeline, until: number): void {
  for (let at = 0; at < until; at += 0.7) {
    t.sendIp(
      at,
      OTHER,
      { ...OTHER, address: '10.0.8.6' },
      IP_PROTOCOL.icmp,
      icmpEcho({
        identifier: 1,
        sequence: 1,
        data: new Uint8Array(8),
      }),
    );
  }
}

export async function linksOf(t: Timeline, framesPerChunk?: number): Promise<readonly KeepaliveLink[]> {
  const run = await runFrames(t.frames(), PARTS, framesPerChunk);
  return run.sessions(keepaliveLinks);
}

async function judge(t: Timeline, diagnosis: Diagnosis): Promise<Judgement[]> {
  return (await runFrames(t.frames(), PARTS)).judge(diagnosis);
}

/** Ids of what is loud in the capture. */
export async function alarms(t: Timeline): Promise<string[]> {
  const run = await runFrames(t.frames(), PARTS);
  return DIAGNOSES.flatMap((diagnosis) =>
    run
      .judge(diagnosis)
      .filter((one) => one.result === 'problem' && (one.severity ?? diagnosis.severity) !== 'info')
      .map(() => diagnosis.id),
  );
}

export async function results(t: Timeline, diagnosis: Diagnosis): Promise<string[]> {
  return (await judge(t, diagnosis)).map(({ result }) => result);
}

export async function problem(t: Timeline, diagnosis: Diagnosis): Promise<Problem> {
  const problems = (await judge(t, diagnosis)).filter((one): one is Problem => one.result === 'problem');
  if (problems.length !== 1) throw new Error(`${problems.length} problems`);
  return problems[0];
}

export const start = (): Timeline => timeline(START_NS, 3);
