import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../dissect/dissect-engine.js';
import { FLOW_HIGH, FLOW_LOW, FLOW_PORTS, FLOW_PROTOCOL } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import { Slot } from '../observe/slot.js';
import { FlowRegistry } from './flow-registry.js';

const layout = slotLayout([], { chunkBytes: 1024, frameCapacity: 16, seed: 5 });

/** A slot whose flows are UDP flows of the given port numbers, each with `packets` packets. */
function slotOf(ports: readonly number[], packets = 1): Slot {
  const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
  slot.clearTables();
  const key = new Int32Array(KEY_WORDS);
  key[FLOW_PROTOCOL] = 17;
  key[FLOW_LOW + 2] = 0xffff;
  key[FLOW_LOW + 3] = 0x0a000001;
  key[FLOW_HIGH + 2] = 0xffff;
  key[FLOW_HIGH + 3] = 0x0a000002;
  for (const port of ports) {
    key[FLOW_PORTS] = port;
    const flow = slot.flows.findOrAdd(key);
    for (let packet = 0; packet < packets; packet++) slot.flows.count(flow, 0, 0, 100);
  }
  return slot;
}

describe('FlowRegistry', () => {
  it('gives ids in order of first appearance, however flows are cut into chunks', () => {
    const anyPorts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(anyPorts, fc.integer({ min: 1, max: 30 }), fc.integer(), (ports, cut, seed) => {
        const whole = new FlowRegistry(layout.seed);
        const pieces = new FlowRegistry(layout.seed);
        const expected = [...whole.mapFlows(slotOf(ports), 0).slice(0, new Set(ports).size)];
        for (let at = 0; at < ports.length; at += cut) pieces.mapFlows(slotOf(ports.slice(at, at + cut)), 0);
        const again = [...pieces.mapFlows(slotOf([...new Set(ports)]), 0).slice(0, new Set(ports).size)];
        expect(again).toEqual(expected);
        expect(seed).toBeTypeOf('number');
      }),
    );
  });

  it('adds counters up and names endpoints', () => {
    const registry = new FlowRegistry(layout.seed);
    for (let chunk = 0; chunk < 3; chunk++) {
      const slot = slotOf([7, 8], 2);
      registry.mergeCounters(slot, registry.mapFlows(slot, 0));
    }
    expect(registry.size).toBe(2);
    expect(registry.direction(1, 0)).toMatchObject({ packets: 6, bytes: 600 });
    expect(registry.endpoints(1)).toEqual({ low: '10.0.0.1', high: '10.0.0.2', lowPort: 0, highPort: 8 });
  });

  it('keeps by which ways packets went through the tunnel around them, when it grows too', () => {
    const registry = new FlowRegistry(layout.seed);
    const slot = slotOf([7, 8]);
    slot.flows.noteWay(0, 0, 1);
    slot.flows.noteWay(1, 0, 0);
    registry.mergeCounters(slot, registry.mapFlows(slot, 0));
    const waysOf = (flow: number): boolean[] => [0, 1].map((way) => registry.wentThrough(flow, 0, way));
    for (let port = 10; port < 10_000; port += 10)
      registry.mapFlows(slotOf(Array.from({ length: 10 }, (_, at) => port + at)), 0);
    expect(registry.size).toBeGreaterThan(4096);
    expect(waysOf(0)).toEqual([false, true]);
    expect(waysOf(1)).toEqual([true, false]);
    expect(registry.wentThrough(0, 1, 1)).toBe(false);
    const again = slotOf([7]);
    again.flows.noteWay(0, 0, 0);
    registry.mergeCounters(again, registry.mapFlows(again, 0));
    expect(waysOf(0)).toEqual([true, true]);
    expect(waysOf(2)).toEqual([false, false]);
  });

  it('is bounded: the longest silent flows are aggregated, their states forgotten, the others keep theirs', () => {
    const registry = new FlowRegistry(layout.seed, 1024);
    const forgotten: number[] = [];
    const states = registry.trackStates<number>((port) => forgotten.push(port));
    const portOf = (chunk: number, at: number): number => chunk * 100 + at + 1;
    for (let chunk = 0; chunk < 40; chunk++) {
      const ports = Array.from({ length: 100 }, (_, at) => portOf(chunk, at));
      const slot = slotOf([...ports, 60_000]);
      const global = registry.mapFlows(slot, 0);
      registry.mergeCounters(slot, global);
      ports.forEach((port, at) => {
        states.set(global[at], port);
      });
      states.set(global[100], 60_000);
      registry.endEpoch();
      expect(registry.size).toBeLessThanOrEqual(1024);
    }
    expect(registry.evicted.flows).toBeGreaterThan(2000);
    expect(registry.evicted.packets).toBe(registry.evicted.flows);
    expect(forgotten).not.toContain(60_000);
    const slot = slotOf([60_000]);
    const [survivor] = registry.mapFlows(slot, 0);
    expect(states.get(survivor)).toBe(60_000);
    expect(registry.direction(survivor, 0).packets).toBe(40);
  });

  it('grows past its first capacity without losing a flow', () => {
    const registry = new FlowRegistry(layout.seed);
    for (let chunk = 0; chunk < 10; chunk++) {
      registry.mapFlows(slotOf(Array.from({ length: 1000 }, (_, at) => chunk * 1000 + at)), 0);
    }
    expect(registry.size).toBe(10_000);
    const ids = registry.mapFlows(slotOf([4321]), 0);
    expect(registry.endpoints(ids[0]).highPort).toBe(4321);
  });
});
