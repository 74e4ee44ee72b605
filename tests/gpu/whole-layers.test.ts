import { describe, expect, test } from 'vitest';
import { whereFaster, whereRoom } from '../../device-agent/whole-layers.ts';
import { loneLayers } from '../../runtime/decoder/lone-layers.ts';
import { CallDelays } from '../../runtime/gpu/call-delays.ts';
import type { GpuLayers, GpuLayersShape } from '../../runtime/gpu/layers/gpu-layers.ts';
import { measureLayers } from '../../runtime/gpu/layers/layer-times.ts';
import { layersShape } from '../../runtime/gpu/layers/layers-shape.ts';
import type { Leg } from '../../runtime/plan/plan.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const options = {
  kvFormat: 'f16',
  maxStepTokens: 64,
  maxSequences: 2,
  contextLength: 512,
  kvPages: 16,
} as const;
const model = description({});
const { layerCount } = model.config;
const all = { first: 0, end: layerCount };

describe('layers that a rank computes alone', () => {
  const leg = (firstLayer: number, endLayer: number, members: number): Leg => ({
    firstLayer,
    endLayer,
    members,
    receives: firstLayer > 0,
    sends: true,
  });
  const stage = (firstSublayer: number, endSublayer: number, ...legs: Leg[]) =>
    loneLayers({
      rank: 0,
      worldSize: 2,
      tileIds: [],
      receivesHead: false,
      microBatchTokens: 64,
      firstSublayer,
      endSublayer,
      legs,
    });

  test('are whole, of one memory, and without others', () => {
    expect(stage(0, 12, leg(0, 6, 1))).toEqual({ first: 0, end: 6 });
    expect(stage(0, 12, leg(0, 6, 2))).toBeUndefined();
    expect(stage(3, 9, leg(0, 6, 1))).toEqual({ first: 2, end: 4 });
    expect(stage(0, 12, leg(0, 1, 1), leg(1, 4, 2), leg(4, 6, 1))).toEqual({ first: 4, end: 6 });
    expect(stage(5, 7, leg(0, 6, 1))).toBeUndefined();
    expect(stage(12, 12, leg(0, 6, 1))).toBeUndefined();
  });
});

describe('a GPU', () => {
  const work = modelWork(model, options);
  const slow = { isGpuFaster: () => true, sublayerMs: (_: number, __: number, tokens: number) => tokens };
  const processorMs = 2 * layerCount;

  test('gets whole layers as long as there is room', async () => {
    const lend = whereRoom(100);
    const never = () => Promise.reject(new Error('not to be measured'));
    expect((await lend(all, 60, never))?.(1, 1)).toBe(true);
    expect(await lend(all, 60, never)).toBeUndefined();
    expect((await lend(all, 40, never))?.(64, 500)).toBe(true);
  });

  test('gets them for the steps that it is faster for', async () => {
    const gpuMs = (tokens: number, positions: number) => 0.5 * processorMs * tokens + positions / 100;
    const isWorth = await whereFaster(100, slow, work)(all, 60, async () => gpuMs);
    expect(isWorth?.(1, 1)).toBe(true);
    // Where attention takes what matrices save, and a little before.
    expect(isWorth?.(1, 39 * processorMs)).toBe(true);
    expect(isWorth?.(1, 41 * processorMs)).toBe(false);
    expect(isWorth?.(2, 41 * processorMs)).toBe(true);
  });

  test('gets none that it has no room for, or would be slower with', async () => {
    const measured: number[] = [];
    const times = (ms: number) => async () => {
      measured.push(ms);
      return () => ms;
    };
    expect(await whereFaster(50, slow, work)(all, 60, times(0))).toBeUndefined();
    expect(
      await whereFaster(100, { ...slow, isGpuFaster: () => false }, work)(all, 60, times(0)),
    ).toBeUndefined();
    expect(measured).toEqual([]);
    expect(await whereFaster(100, slow, work)(all, 60, times(1e6))).toBeUndefined();
    expect(measured).toEqual([1e6]);
  });

  test('is asked how long layers take, near and far', async () => {
    let nowMs = 0;
    const layers = {
      // 5 ms, 1 for each token, and one for each 100 positions that the last one sees.
      tryOut: async (seats: Uint32Array, tokens: number) => {
        nowMs += 5 + tokens + seats[4 * (tokens - 1) + 1]! / 100;
      },
    } as unknown as GpuLayers;
    const shape = { maxTokens: 9, contextLength: 512 } as GpuLayersShape;
    const clock = { nowMs: () => nowMs, wait: async () => {} };
    const ms = await measureLayers(layers, clock, shape);
    expect(ms(1, 101)).toBeCloseTo(5 + 1 + 1.01);
    expect(ms(5, 305)).toBeCloseTo(5 + 5 + 3.05);
    expect(ms(18, 509)).toBeCloseTo(2 * (5 + 9 + 5.09));
  });

  test('is not given layers that it does not know, or that no binding holds', () => {
    const layers = (of = model) => [
      {
        layer: 0,
        attention: tileSpecs(of).filter(({ kind, layer }) => kind === 'attention' && layer === 0),
        ffn: tileSpecs(of).filter(({ kind, layer }) => kind === 'ffn' && layer === 0),
      },
    ];
    const gpu = { bindingBytes: 128 << 20 };
    const { config } = model;
    expect(layersShape(gpu, config, options, layers())?.maxTokens).toBe(32);
    expect(layersShape(gpu, config, { ...options, maxStepTokens: 3 }, layers())?.maxTokens).toBe(3);
    // Scores of 10 tokens fill a binding.
    const contextLength = Math.floor((12.8 * 2 ** 20) / 4 / config.headCount);
    expect(layersShape(gpu, config, { ...options, contextLength }, layers())?.maxTokens).toBe(10);
    expect(layersShape(gpu, config, { ...options, kvFormat: 'q8' }, layers())).toBeUndefined();
    expect(layersShape(gpu, config, { ...options, kvPages: 1 << 20 }, layers())).toBeUndefined();
    expect(layersShape({ bindingBytes: 1 << 16 }, config, options, layers())).toBeUndefined();
  });

  test('has longer to answer what must take it longer', () => {
    const delays = new CallDelays();
    delays.isWarm = true;
    const single = delays.of(1);
    expect(single.patienceMs).toBe(10_000);
    single.mapped(0, 400);
    expect(delays.of(1).patienceMs).toBe(4000);
    expect(delays.of(32).patienceMs).toBe(10 * 400 * 2 ** 5);
  });
});
