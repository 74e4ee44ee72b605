import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Arena } from '../../runtime/kernels/arena.ts';
import {
  type KernelBytes,
  loadKernels,
  newMemory,
  readAheadBytes,
  reservedBytes,
} from '../../runtime/kernels/kernels.ts';
import { kernelBytes } from './support.ts';

const makeMemory = () => new WebAssembly.Memory({ initial: 1, maximum: 64 });
const makeArena = (limitBytes?: number): Arena => new Arena(makeMemory(), limitBytes);

describe('Arena', () => {
  test('aligns, keeps off the reserved page and grows', () => {
    const memory = makeMemory();
    const arena = new Arena(memory);
    const first = arena.alloc(10);
    const second = arena.alloc(100_000);
    const third = arena.alloc(1, 16);
    expect(first).toBeGreaterThanOrEqual(reservedBytes);
    expect([first % 64, second % 64, third % 16]).toEqual([0, 0, 0]);
    expect(second).toBeGreaterThanOrEqual(first + 10);
    expect(third).toBeGreaterThanOrEqual(second + 100_000);
    expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(third + 1);
  });

  test('what is written survives growth', () => {
    const arena = makeArena();
    const pointer = arena.alloc(8);
    arena.f32(pointer, 2).set([1.5, -2]);
    arena.alloc(500_000);
    expect([...arena.f32(pointer, 2)]).toEqual([1.5, -2]);
  });

  test('release gives back everything after the mark', () => {
    const arena = makeArena();
    arena.alloc(100);
    const mark = arena.mark();
    const pointer = arena.alloc(1000);
    arena.release(mark);
    expect(arena.alloc(1000)).toBe(pointer);
    expect(() => arena.release(arena.usedBytes + 1)).toThrow(/assertion/);
  });

  test.each([
    ['its own limit', 3 * 65536],
    ['the memory', undefined],
  ])('says what is missing when %s is reached', (_, limit) => {
    const arena = makeArena(limit);
    const used = arena.usedBytes;
    expect(() => arena.alloc(100 * 65536)).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        fields: expect.objectContaining({ requestedBytes: 6_553_600, usedBytes: used }),
      }),
    );
    expect(arena.usedBytes).toBe(used);
    arena.alloc(65536);
  });

  test('leaves room behind the last allocation for kernels that read ahead', () => {
    const memory = makeMemory();
    const arena = new Arena(memory);
    arena.alloc(3 * 65536 - arena.usedBytes);
    expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(arena.usedBytes + readAheadBytes);
  });

  test('without a memory counts alike, beyond what a memory holds, and has no bytes', () => {
    const [arena, counting] = [makeArena(), new Arena(undefined)];
    for (const bytes of [1, 0, 100, 64]) expect(counting.alloc(bytes)).toBe(arena.alloc(bytes));
    expect(counting.usedBytes).toBe(arena.usedBytes);
    expect(counting.alloc(2 ** 40)).toBeGreaterThan(0);
    expect(counting.usedBytes).toBeGreaterThan(2 ** 40);
    expect(() => counting.u8(reservedBytes, 1)).toThrow(/only counts/);
  });

  test('refuses sizes that are not sizes', () => {
    const arena = makeArena();
    for (const bytes of [-1, 0.5, Number.NaN]) expect(() => arena.alloc(bytes)).toThrow(/assertion/);
  });
});

describe('newMemory', () => {
  test('grows to its limit', () => {
    const arena = new Arena(newMemory(3 * 65536 + 5));
    arena.alloc(2 * 65536);
    expect(() => arena.alloc(65536)).toThrow(expect.objectContaining({ code: 'MEMORY_EXHAUSTED' }));
  });

  test('says so where there is no room for it', () => {
    const refused = vi.spyOn(WebAssembly, 'Memory').mockImplementation(
      class {
        constructor() {
          throw new RangeError('could not allocate memory');
        }
      } as never,
    );
    onTestFinished(() => refused.mockRestore());
    expect(() => newMemory(1 << 20, true)).toThrow(
      expect.objectContaining({ code: 'MEMORY_EXHAUSTED', fields: { limitBytes: 1 << 20 } }),
    );
  });
});

describe('loadKernels', () => {
  test('takes the relaxed build where it can and the baseline where told', () => {
    expect(loadKernels(kernelBytes).relaxed).toBe(true);
    expect(loadKernels(kernelBytes, { build: 'baseline' }).relaxed).toBe(false);
    const broken: KernelBytes = { ...kernelBytes, relaxed: new Uint8Array([1, 2, 3]) };
    expect(loadKernels(broken).relaxed).toBe(false);
  });

  test('says so where nothing runs', () => {
    const none = new Uint8Array(8);
    expect(() => loadKernels({ relaxed: none, baseline: none })).toThrow(
      expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }),
    );
  });

  test('works in a memory that is given', () => {
    const memory = new WebAssembly.Memory({ initial: 2 });
    const kernels = loadKernels(kernelBytes, { memory });
    expect(kernels.memory).toBe(memory);
    expect(kernels.exp(0)).toBe(1);
  });

  test('the kernels check what they are given', () => {
    const kernels = loadKernels(kernelBytes);
    expect(() => kernels.softmax(3, 1)).toThrow(/assertion/);
    expect(() => kernels.storeKvF16(65536, 65536, 65536, 64, 8)).toThrow(/position/);
    expect(() => kernels.attentionF32(4, 4, 4, 1 << 20, 1, 1, 6, 1, 4, 6, 6, 16, 1)).toThrow(/multiple of 4/);
  });
});
