import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { describeOnGpus } from './hosts.ts';

const notANumber = 0x7fc00000;
/** Zeros, the smallest and largest subnormals and normals, powers of two and their neighbours, what is not finite. */
const special = [
  0x00000000, 0x00000001, 0x00000002, 0x007fffff, 0x00400000, 0x00800000, 0x00800001, 0x01000000, 0x0b800000,
  0x33800000, 0x337fffff, 0x34000000, 0x3effffff, 0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x40000000,
  0x4b000000, 0x4b400000, 0x4b7fffff, 0x4f000000, 0x5f000000, 0x7e800000, 0x7f000000, 0x7f7fffff, 0x7f800000,
  0x7fc00000, 0x7f800001,
].flatMap((bits) => [bits, (bits | 0x80000000) >>> 0]);

/** All pairs of special values, then pairs of random ones: of any exponents, of near ones, special with random. */
function pairs(count: number): { a: Uint32Array<ArrayBuffer>; b: Uint32Array<ArrayBuffer> } {
  const random = new Random(11);
  const a: number[] = special.flatMap((x) => special.map(() => x));
  const b: number[] = special.flatMap(() => special);
  for (let i = 0; i < count; i += 1) {
    const x = random.uint32();
    const near = (x & 0x7f800000) + (random.integer(64) - 32) * 0x800000 + (random.uint32() & 0x807fffff);
    const sparse = (random.uint32() & 0xff800000) | (1 << random.integer(23)) | random.integer(4);
    const any = special[random.integer(special.length)]!;
    a.push(x);
    b.push([random.uint32(), near >>> 0, sparse >>> 0, any, (x ^ (1 << random.integer(32))) >>> 0][i % 5]!);
  }
  return { a: Uint32Array.from(a), b: Uint32Array.from(b) };
}

const { a, b } = pairs(200_000);
const floatsOf = (bits: Uint32Array<ArrayBuffer>) => new Float32Array(bits.buffer);

/** Float32 results of a float64 computation, which rounds to the same as one rounding would; one NaN for all. */
function bitsOf(of: (x: number, y: number) => number): Uint32Array {
  const [x, y] = [floatsOf(a), floatsOf(b)];
  const results = Float32Array.from(a, (_, i) => of(x[i]!, y[i]!));
  return oneNaN(new Uint32Array(results.buffer));
}

function oneNaN(bits: Uint32Array): Uint32Array {
  return bits.map((value) => ((value & 0x7fffffff) >>> 0 > 0x7f800000 ? notANumber : value));
}

/** The first pairs whose results differ, for whoever has to find out why. */
function differences(got: Uint32Array, expected: Uint32Array): string[] {
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  const wrong: string[] = [];
  for (let i = 0; i < expected.length && wrong.length < 5; i += 1)
    if (got[i] !== expected[i])
      wrong.push(`${hex(a[i]!)} ${hex(b[i]!)}: ${hex(got[i]!)}, not ${hex(expected[i]!)}`);
  return wrong;
}

await describeOnGpus('binary32', (host) => {
  test.each<[string, string, (x: number, y: number) => number]>([
    ['adds', 'addF32(x, y)', (x, y) => x + y],
    ['multiplies', 'multiplyF32(x, y)', (x, y) => x * y],
    ['divides', 'divideF32(x, y)', (x, y) => x / y],
    ['takes roots', 'sqrtF32(x)', (x) => Math.sqrt(x)],
  ])('%s as IEEE 754 does', async (_, expression, of) => {
    const expected = bitsOf(of);
    expect(new Set(expected).size).toBeGreaterThan(90_000);
    expect(differences(oneNaN(await host.run('arithmetic', { expression, a, b })), expected)).toEqual([]);
  });

  test('compares', async () => {
    const [x, y] = [floatsOf(a), floatsOf(b)];
    const got = await host.run('arithmetic', { expression: 'u32(isLessF32(x, y))', a, b });
    expect(
      differences(
        got,
        Uint32Array.from(a, (_, i) => (x[i]! < y[i]! ? 1 : 0)),
      ),
    ).toEqual([]);
  });

  test('converts integers', async () => {
    const expected = new Uint32Array(Float32Array.from(a, (value) => value | 0).buffer);
    const got = await host.run('arithmetic', { expression: 'intToF32(i32(x))', a, b });
    expect(differences(got, expected)).toEqual([]);
  });
});
