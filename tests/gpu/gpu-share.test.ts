import { describe, expect, test } from 'vitest';
import { sharedMs, type TileTimes, tilesToLend } from '../../runtime/gpu/rates/gpu-share.ts';

/** A layer of TinyLlama in Q4_0, its rates in GB/s: tiles of 0.9 MB. */
function layer(processor: number, gpu: number, syncMs: number, room = 22): TileTimes {
  return {
    tiles: 22,
    room,
    processorMs: (tiles) => (tiles * 0.9) / processor,
    gpuMs: (tiles) => syncMs + (tiles * 0.9) / gpu,
  };
}

describe('tilesToLend', () => {
  test('gives a GPU all where it is much faster', () => {
    expect(tilesToLend(layer(10, 1000, 0.02))).toBe(22);
  });

  test('divides them where both are about as fast, so that neither waits long', () => {
    const times = layer(30, 25, 0.02);
    expect(tilesToLend(times)).toBe(10);
    expect(Math.abs(times.processorMs(12) - times.gpuMs(10))).toBeLessThan(times.gpuMs(1));
  });

  test('never exceeds the room', () => {
    for (const room of [3, 5, 9]) expect(tilesToLend(layer(30, 60, 0.02, room))).toBe(room);
    expect(tilesToLend(layer(30, 60, 0.02, 0))).toBe(0);
  });

  test('gives it nothing where a sync costs more than it saves', () => {
    expect(tilesToLend(layer(30, 25, 1))).toBe(0);
    expect(tilesToLend(layer(30, 1, 0.1))).toBe(0);
  });

  test('gives it nothing for a gain that measurements could have made up', () => {
    const times = layer(30, 30, 0.56);
    const gains = Array.from({ length: 22 }, (_, i) => sharedMs(times, i + 1) / sharedMs(times, 0));
    expect(Math.min(...gains)).toBeLessThan(1);
    expect(Math.min(...gains)).toBeGreaterThan(0.9);
    expect(tilesToLend(times)).toBe(0);
  });
});
