import { describe, expect, test } from 'vitest';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { type KernelFormatName, kernelFormats } from '../../runtime/kernels/formats.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { hashName, tileLayoutVersion } from '../../runtime/tile/tile-hash.ts';
import { randomMatrix } from '../kernels/reference/random-matrix.ts';
import { memorySource } from '../support/memory-source.ts';
import { cutAllTiles } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

/**
 * Devices keep tiles for years. If one of these changes, what they kept has another layout: raise `tileLayoutVersion`
 * and put the new hashes here.
 */
const hashes = {
  version: 2,
  Q4_0: '1e5ecfd22f14c54c',
  F32: '05618725c9449fc7',
  F16: 'e8a88118fef880c4',
  BF16: '5f3cc9049953fe85',
  Q8_0: '4efacc6632930ad2',
  IQ4_NL: '1e5ecfd22f14c54c',
  Q4_1: '48bcaf104d11070c',
  Q5_0: 'd337d5b29758f5a6',
  Q5_1: '4e0a7df1dd1c879a',
  Q2_K: '3ccfa68a82dd57d9',
  Q3_K: '9c7b0118536c5c8c',
  Q4_K: '42aa391e1b3bf94d',
  Q5_K: 'e601356548f0689a',
  Q6_K: '5f0e0c10596eb916',
  IQ4_XS: '8886b492ea5e1042',
  llama: '3f13bb2f6d0ad545',
  qwen2: 'baec9518c26c16b3',
} as Record<string, string | number>;

const begin = (bytes: Uint8Array) => hashName(nodeSha256(bytes)).slice(0, 16);

describe('the bytes of tiles', () => {
  test('have a version', () => expect(hashes.version).toBe(tileLayoutVersion));

  test.each(Object.keys(kernelFormats) as KernelFormatName[])('have rows as they had: %s', (name) => {
    const format = kernelFormats[name];
    const target = new Uint8Array(format.packedBytes(24, 512));
    format.pack(randomMatrix(name, 24, 512, 1), 24, 512, target);
    expect(begin(target)).toBe(hashes[name]);
  });

  test.each(['llama', 'qwen2'] as const)('have parts as they had: %s', async (architecture) => {
    const model = await openModelFile(memorySource(await syntheticModel({ architecture, type: 'Q4_0' })));
    expect(begin(new Uint8Array(Buffer.concat(await cutAllTiles(model))))).toBe(hashes[architecture]);
  });
});
