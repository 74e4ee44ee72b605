import { describe, expect, test } from 'vitest';
import { type GpuChoice, gpuShare, tokenMs } from '../../runtime/gpu/gpu-share.ts';

/** TinyLlama in Q4_0, on two threads of a laptop and a small GPU. */
const choice: GpuChoice = {
  layers: 22,
  attentionBytes: 5.3e6,
  ffnTileBytes: 0.9e6,
  ffnTiles: 22,
  processorRate: 30e9,
  gpuRate: 60e9,
  syncMs: 0.1,
  gpuBytes: 8e9,
};

describe('gpuShare', () => {
  test('takes whole layers where the GPU is much faster: one sync for all', () => {
    expect(gpuShare(choice)).toEqual({ kind: 'wholeLayers', layers: 22 });
    expect(gpuShare({ ...choice, syncMs: 2.5 })).toEqual({ kind: 'wholeLayers', layers: 22 });
  });

  test('takes hot tiles where both are about as fast and syncs are cheap: they add up', () => {
    const share = gpuShare({ ...choice, gpuRate: 25e9, syncMs: 0.02 });
    expect(share.kind).toBe('hotTiles');
    // So many that neither waits long for the other.
    expect(share).toEqual({ kind: 'hotTiles', tiles: 10 });
  });

  test('takes hot tiles where there is no room for a layer', () => {
    const small = { ...choice, layers: 3, gpuBytes: 20e6, syncMs: 0.02 };
    expect(gpuShare(small)).toEqual({ kind: 'hotTiles', tiles: 7 });
  });

  test('takes nothing where a sync costs more than it saves', () => {
    expect(gpuShare({ ...choice, gpuRate: 25e9, syncMs: 100 })).toEqual({ kind: 'none' });
    expect(gpuShare({ ...choice, gpuRate: 3e9, syncMs: 0.1 })).toEqual({ kind: 'none' });
    expect(gpuShare({ ...choice, gpuBytes: 0 })).toEqual({ kind: 'none' });
  });

  test('takes nothing for a gain that measurements could have made up', () => {
    const barely = { ...choice, gpuRate: 32e9, syncMs: 1 };
    const all = { kind: 'wholeLayers', layers: 22 } as const;
    expect(tokenMs(barely, all)).toBeLessThan(tokenMs(barely, { kind: 'none' }));
    expect(gpuShare(barely)).toEqual({ kind: 'none' });
  });

  test('never exceeds the room', () => {
    for (const gpuBytes of [1e6, 30e6, 100e6, 300e6]) {
      const share = gpuShare({ ...choice, gpuBytes, syncMs: 0.01 });
      const bytes = { none: 0, hotTiles: 0, wholeLayers: 0 };
      if (share.kind === 'hotTiles') bytes.hotTiles = 22 * share.tiles * choice.ffnTileBytes;
      if (share.kind === 'wholeLayers')
        bytes.wholeLayers = share.layers * (choice.attentionBytes + 22 * choice.ffnTileBytes);
      expect(bytes[share.kind]).toBeLessThanOrEqual(gpuBytes);
    }
  });
});
