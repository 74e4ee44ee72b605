import { describe, expect, test } from 'vitest';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import { Residency, slotBytes, streamableBytes } from '../../runtime/weights/residency.ts';
import { type StepTiming, steadyState } from '../../runtime/weights/steady-state.ts';
import { Random } from '../support/random.ts';
import { randomTiles } from './fake-memory.ts';
import { modelTiles } from './model-tiles.ts';

const page = 4096;
const layers = 6;

/** What one layer takes, as TPI-LLM has it: two blocks, each after an allreduce. */
interface LayerMs {
  readonly attention: number;
  readonly ffn: number;
  readonly allreduce: number;
}

function layerTiming(specs: readonly TileSpec[], ms: LayerMs, readMsPerByte: number): StepTiming {
  return {
    useMs: Float64Array.from(specs, ({ kind }) => (kind === 'attention' ? ms.attention : ms.ffn)),
    pauseMs: new Float64Array(specs.length).fill(ms.allreduce),
    readMsPerByte,
  };
}

/** Any: times of use and pauses up to 10 ms, and reading from far faster to far slower than computing. */
function randomTiming(random: Random, specs: readonly TileSpec[]): StepTiming {
  const bytesPerTile = streamableBytes(specs) / specs.length;
  return {
    useMs: Float64Array.from(specs, () => 10 * random.unit()),
    pauseMs: Float64Array.from(specs, () => 10 * random.unit()),
    readMsPerByte: (30 * random.unit()) / bytesPerTile,
  };
}

function streamed(residency: Residency, residents: number): number[] {
  const { layers, vocabulary } = residency.order;
  return [...layers, ...vocabulary].filter((tile) => !residency.isResident(tile, residents));
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** Of tiles with a turn. */
function computeMs({ order }: Residency, { useMs, pauseMs }: StepTiming): number {
  return sum([...order.layers, ...order.vocabulary].map((tile) => useMs[tile]! + pauseMs[tile]!));
}

describe('blocks of two sizes', () => {
  const cases = Array.from({ length: 20 }, (_, seed) => {
    const random = new Random(seed);
    const [attentionPages, ffnPages] = [1 + random.integer(9), 1 + random.integer(9)];
    const specs = modelTiles({
      layers,
      attention: { count: 1, byteLength: attentionPages * page },
      ffn: { count: 1, byteLength: ffnPages * page },
    });
    // One block in use, one that comes, and half of the larger one, which the ring may leave idle at its end.
    const windowBytes = (attentionPages + ffnPages + Math.max(attentionPages, ffnPages) / 2) * page;
    const ms = { attention: 1 + random.integer(9), ffn: 1 + random.integer(9), allreduce: random.integer(5) };
    return { seed, specs, residency: new Residency(specs, 1, windowBytes), ms, attentionPages, ffnPages };
  });

  test.each(cases)(
    "never wait where TPI-LLM's tight condition holds, seed $seed",
    ({ specs, residency, ms, attentionPages, ffnPages }) => {
      // t_attn + t_ar ≥ τ_ffn and t_ffn + t_ar ≥ τ_attn, one of them just so.
      const readMsPerByte =
        Math.min((ms.attention + ms.allreduce) / ffnPages, (ms.ffn + ms.allreduce) / attentionPages) / page;
      const { stepMs, waitMs } = steadyState(residency, 0, layerTiming(specs, ms, readMsPerByte));
      expect(waitMs).toBeCloseTo(0, 6);
      expect(stepMs).toBeCloseTo(layers * (ms.attention + ms.ffn + 2 * ms.allreduce), 6);
    },
  );

  test.each(cases)(
    'wait for all that reading takes longer than computing, seed $seed',
    ({ specs, residency, ms, attentionPages, ffnPages }) => {
      // Both blocks take longer to read than the other one and an allreduce take to compute.
      const slowest = Math.max(
        (ms.attention + 2 * ms.allreduce) / ffnPages,
        (ms.ffn + 2 * ms.allreduce) / attentionPages,
      );
      const readMsPerByte = (1.5 * slowest) / page;
      const { stepMs, waitMs } = steadyState(residency, 0, layerTiming(specs, ms, readMsPerByte));
      const readMs = layers * (attentionPages + ffnPages) * page * readMsPerByte;
      const computingMs = layers * (ms.attention + ms.ffn + 2 * ms.allreduce);
      expect(stepMs).toBeCloseTo(readMs, 6);
      expect(waitMs).toBeCloseTo(readMs - computingMs, 6);
      expect(waitMs).toBeGreaterThan(0);
    },
  );
});

describe('tiles of any sizes', () => {
  const seeds = Array.from({ length: 20 }, (_, seed) => seed + 100);

  test.each(seeds)('take no less than computing or reading, and no more than both, seed %i', (seed) => {
    const random = new Random(seed);
    const specs = randomTiles(random, 5);
    const residency = new Residency(specs, 1 + random.integer(3), streamableBytes(specs));
    const timing = randomTiming(random, specs);
    for (let residents = 0; residents < residency.mostResidents(4 * 26 * 1024); residents += 1) {
      const { stepMs, waitMs } = steadyState(residency, residents, timing);
      const bytes = sum(streamed(residency, residents).map((tile) => slotBytes(specs[tile]!)));
      const readMs = bytes * timing.readMsPerByte;
      const computingMs = computeMs(residency, timing);
      expect(stepMs).toBeCloseTo(computingMs + waitMs, 6);
      expect(stepMs).toBeGreaterThan(Math.max(computingMs, readMs) - 1e-6);
      expect(stepMs).toBeLessThan(computingMs + readMs + 1e-6);
    }
  });

  test.each(seeds)('wait no longer in a larger window, seed %i', (seed) => {
    const random = new Random(seed);
    const specs = randomTiles(random, 5);
    const timing = randomTiming(random, specs);
    const residents = random.integer(4);
    const all = streamableBytes(specs);
    let lastMs = Number.POSITIVE_INFINITY;
    for (let bytes = all / 4; bytes <= 2 * all; bytes += page) {
      const residency = new Residency(specs, 2, bytes);
      if (residency.mostResidents(0) < residents) continue;
      const { stepMs } = steadyState(residency, residents, timing);
      expect(stepMs).toBeLessThan(lastMs + 1e-6);
      lastMs = stepMs;
    }
    expect(lastMs).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test('wait for nothing if all stay', () => {
    const random = new Random(3);
    const specs = randomTiles(random, 5);
    const residency = new Residency(specs, 2, streamableBytes(specs));
    const timing = { ...randomTiming(random, specs), readMsPerByte: 1e9 };
    const { stepMs, waitMs } = steadyState(residency, residency.mostResidents(0), timing);
    expect(waitMs).toBe(0);
    expect(stepMs).toBeCloseTo(computeMs(residency, timing), 6);
  });
});
