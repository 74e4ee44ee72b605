import { expect, test } from 'vitest';
import { attention } from '../../runtime/gpu/wgsl/attention.ts';
import {
  attentionScratchBytes,
  kvKernels,
  kvPageBytes,
  pagePositions,
} from '../../runtime/kernels/kv-page.ts';
import { seededFloats, Workspace } from '../kernels/support.ts';
import { seatWords } from '../../runtime/gpu/wgsl/seats.ts';
import { describeOnGpus } from './hosts.ts';
import { wordsOf } from './twin.ts';

interface Case {
  readonly format: 'f16' | 'f32';
  readonly headDim: number;
  readonly heads: number;
  /** That the first token sees. */
  readonly positions: number;
  readonly tokens: number;
  /** Of queries: large ones make a few positions count. */
  readonly size: number;
}

/** Random queries and pages in random places, and what the kernel makes of them. */
function attentionTwin({ format, headDim, heads, positions, tokens, size }: Case) {
  const workspace = new Workspace('baseline');
  const { kernels, arena } = workspace;
  const { store, attention: attend } = kvKernels(kernels, format);
  const stored = positions + tokens - 1;
  const pageBytes = kvPageBytes(headDim, format);
  const count = Math.ceil(stored / pagePositions);
  // The last first, so that no order is taken for granted.
  const numbers = Array.from({ length: count }, (_, i) => count - 1 - i);
  const base = workspace.room(count * pageBytes);
  const [k, v] = [seededFloats(1, stored * headDim), seededFloats(2, stored * headDim)];
  const [kRow, vRow] = [workspace.room(headDim * 4), workspace.room(headDim * 4)];
  for (let p = 0; p < stored; p += 1) {
    arena.f32(kRow, headDim).set(k.subarray(p * headDim, (p + 1) * headDim));
    arena.f32(vRow, headDim).set(v.subarray(p * headDim, (p + 1) * headDim));
    const page = base + numbers[Math.floor(p / pagePositions)]! * pageBytes;
    store(page, kRow, vRow, p % pagePositions, headDim);
  }
  const stride = heads * headDim;
  const scale = Math.fround(1 / Math.sqrt(headDim));
  const q = workspace.f32(seededFloats(3, tokens * stride).map((value) => value * size));
  const out = workspace.room(tokens * stride * 4);
  const pages = workspace.i32(numbers);
  const scratch = workspace.room(attentionScratchBytes(headDim, stored));
  attend(q, pages, base, pageBytes, positions, tokens, headDim, heads, out, stride, stride, scratch, scale);
  const buffers = [
    wordsOf(arena.u8(q, tokens * stride * 4)),
    seatsOf(tokens, positions, numbers),
    wordsOf(arena.u8(base, count * pageBytes)),
    new Uint32Array(tokens * heads * stored),
    new Uint32Array(tokens * stride),
  ];
  const scaleBits = new Uint32Array(Float32Array.of(scale).buffer)[0]!;
  const pageWords = pageBytes / 4;
  const shape = [headDim, heads, pageWords, count * pageWords, heads, stride, stride, stored, scaleBits];
  const job = { code: attention(format), buffers, shape, groups: [heads, tokens], output: 4 };
  return { job, out: wordsOf(arena.u8(out, tokens * stride * 4)) };
}

/** Tokens of one sequence, the first of which sees so many positions. */
function seatsOf(tokens: number, positions: number, pages: readonly number[]): Uint32Array<ArrayBuffer> {
  const seats = Array.from({ length: tokens }, (_, i) => [seatWords * tokens, positions + i, 0, 0]);
  return Uint32Array.from([...seats.flat(), ...pages]);
}

await describeOnGpus('attention', (host) => {
  test.each<Case>([
    { format: 'f16', headDim: 64, heads: 4, positions: 100, tokens: 1, size: 1 },
    { format: 'f16', headDim: 128, heads: 1, positions: 1, tokens: 1, size: 1 },
    { format: 'f16', headDim: 32, heads: 2, positions: 61, tokens: 5, size: 8 },
    { format: 'f16', headDim: 20, heads: 3, positions: 700, tokens: 2, size: 0.1 },
    { format: 'f16', headDim: 8, heads: 1, positions: 4200, tokens: 1, size: 3 },
    { format: 'f32', headDim: 64, heads: 2, positions: 257, tokens: 3, size: 30 },
    { format: 'f32', headDim: 96, heads: 1, positions: 64, tokens: 1, size: 1e-9 },
  ])('has the bits of its kernel: %o', async (shape) => {
    const { job, out } = attentionTwin(shape);
    const got = await host.run('program', job);
    expect([...got]).toEqual([...out]);
    expect(new Set(got).size).toBeGreaterThan(got.length / 2);
  });
});
