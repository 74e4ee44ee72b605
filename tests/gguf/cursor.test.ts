import { describe, expect, test } from 'vitest';
import { HeaderCursor } from '../../runtime/gguf/cursor.ts';
import { MAX_HEADER_BYTES } from '../../runtime/gguf/limits.ts';
import { memorySource } from '../support/memory-source.ts';
import { Random } from '../support/random.ts';
import { join, string, u32, u64 } from './raw-gguf.ts';
import { SparseSource } from './sparse-source.ts';

const MEBIBYTE = 1024 * 1024;

describe('HeaderCursor', () => {
  test('reads values of all kinds across the borders of its chunks', async () => {
    const random = new Random(3);
    const lengths = [0, 1, 3, 64 * 1024, 130_000, 7, 300_000, 2];
    const strings = Array.from({ length: 400 }, (_, i) =>
      new Uint8Array(lengths[i] ?? random.integer(3000)).map(() => random.integer(256)),
    );
    const file = join(
      ...strings.flatMap((bytes, i) => [u32(i), u64(i * 2 ** 40), bytes.subarray(0, 5), string(bytes)]),
    );
    const cursor = new HeaderCursor(memorySource(file));
    for (const [i, bytes] of strings.entries()) {
      expect(await cursor.u32()).toBe(i);
      expect(await cursor.u64()).toBe(i * 2 ** 40);
      expect(await cursor.bytes(Math.min(5, bytes.length))).toEqual(bytes.slice(0, 5));
      expect(Buffer.compare(await cursor.string(), bytes)).toBe(0);
    }
    expect(cursor.byteOffset).toBe(file.length);
    await expect(cursor.u32()).rejects.toMatchObject({ code: 'GGUF_TRUNCATED' });
  });

  test('hands out each of many strings', async () => {
    const texts = Array.from({ length: 30_000 }, (_, i) => `token ${i * 7919}`);
    const cursor = new HeaderCursor(memorySource(join(...texts.map(string))));
    const read: string[] = [];
    await cursor.eachString(texts.length, (bytes) => {
      read.push(new TextDecoder().decode(bytes));
    });
    expect(read.join()).toBe(texts.join());
  });

  test('takes integers below 2^53 and no others', async () => {
    const largest = Number.MAX_SAFE_INTEGER;
    expect(await new HeaderCursor(memorySource(u64(largest))).u64()).toBe(largest);
    for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      const cursor = new HeaderCursor(memorySource(u64(value)));
      await expect(cursor.u64()).rejects.toMatchObject({ code: 'GGUF_LIMIT_EXCEEDED' });
    }
  });

  test('refuses what cannot follow before it reads or allocates any of it', async () => {
    const source = new SparseSource(new Uint8Array(0), 2 ** 40);
    const cursor = new HeaderCursor(source);
    await cursor.u32();
    expect(source.readBytes).toBe(64 * 1024);
    cursor.expect(MAX_HEADER_BYTES - 4);
    const tooLong = expect.objectContaining({ code: 'GGUF_LIMIT_EXCEEDED' });
    expect(() => cursor.expect(MAX_HEADER_BYTES - 3)).toThrow(tooLong);
    await expect(cursor.bytes(MAX_HEADER_BYTES)).rejects.toThrow(tooLong);
    await expect(cursor.bytes(2 ** 40)).rejects.toMatchObject({ code: 'GGUF_TRUNCATED' });
    expect(source.readBytes).toBe(64 * 1024);
  });

  test('stops at the limit of a header when it comes in small steps', async () => {
    const zeros = new Uint8Array(16 * MEBIBYTE);
    const endless = {
      ...memorySource(zeros),
      byteLength: 2 ** 40,
      read: async (_: number, n: number) => zeros.subarray(0, n),
    };
    const cursor = new HeaderCursor(endless);
    const step = 4 * MEBIBYTE;
    for (let at = 0; at < MAX_HEADER_BYTES; at += step) await cursor.bytes(step);
    await expect(cursor.bytes(1)).rejects.toMatchObject({ code: 'GGUF_LIMIT_EXCEEDED' });
  });
});
