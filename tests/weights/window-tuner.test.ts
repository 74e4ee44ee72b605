import { describe, expect, test } from 'vitest';
import { leastWindowBytes, Residency } from '../../runtime/weights/residency.ts';
import { type StepTiming, steadyState } from '../../runtime/weights/steady-state.ts';
import { WindowTuner } from '../../runtime/weights/window-tuner.ts';
import { modelTiles } from './model-tiles.ts';

const tileBytes = 1 << 20;
/** Layers of 16 tiles, and an output head of 20. */
const specs = modelTiles({
  layers: 8,
  attention: { count: 1, byteLength: tileBytes },
  ffn: { count: 1, byteLength: tileBytes },
  vocabulary: { count: 20, byteLength: tileBytes },
});
const residency = new Residency(specs, 1, 24 * tileBytes);
const least = leastWindowBytes(specs, 1);
/** Tiles that stay beside the smallest window. */
const most = residency.mostResidents(least);

interface TileMs {
  readonly layer: number;
  readonly vocabulary: number;
  readonly read: number;
}

function timing({ layer, vocabulary, read }: TileMs): StepTiming {
  return {
    useMs: Float64Array.from(specs, ({ kind }) => (kind === 'vocabulary' ? vocabulary : layer)),
    pauseMs: new Float64Array(specs.length),
    readMsPerByte: read / tileBytes,
  };
}

const stepMs = (residents: number, of: StepTiming) => steadyState(residency, residents, of).stepMs;

/** What the tuner says after eight steps like this one; it must keep still before. */
function tuned(residents: number, of: StepTiming): number {
  const tuner = new WindowTuner(residency, least);
  for (let step = 0; step < 7; step += 1) expect(tuner.look(residents, of)).toBe(residents);
  return tuner.look(residents, of);
}

describe('the tuner of a window', () => {
  test('grows it where more can be read ahead', () => {
    // While the layers compute, half of the output head's tiles could be read; a small window has no room for them.
    const slowLayers = timing({ layer: 10, vocabulary: 0.1, read: 12 });
    const chosen = tuned(most, slowLayers);
    expect(chosen).toBeLessThan(most);
    expect(stepMs(chosen, slowLayers)).toBeLessThan(0.95 * stepMs(most, slowLayers));
    // And has then come to rest.
    expect(tuned(chosen, slowLayers)).toBe(chosen);
  });

  test('shrinks it to the least where reading is the limit', () => {
    expect(tuned(5, timing({ layer: 1, vocabulary: 1, read: 100 }))).toBe(most);
  });

  test('shrinks it where nothing is gained by it', () => {
    expect(tuned(5, timing({ layer: 10, vocabulary: 10, read: 0.1 }))).toBe(most);
  });

  test('leaves it where another would gain less than is certain', () => {
    const slowLayers = timing({ layer: 10, vocabulary: 0.1, read: 12 });
    const chosen = tuned(most, slowLayers);
    const slightlyOther = timing({ layer: 10.05, vocabulary: 0.1, read: 12.05 });
    expect(tuned(chosen, slightlyOther)).toBe(chosen);
  });

  test('never leaves less than the smallest window', () => {
    for (const read of [0, 0.3, 1, 3, 10, 30, 100]) {
      const chosen = tuned(5, timing({ layer: 3, vocabulary: 1, read }));
      expect(residency.byteLength - residency.ringOffset(chosen)).toBeGreaterThanOrEqual(least);
    }
  });
});
