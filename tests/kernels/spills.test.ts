import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { afterAll, describe, expect, it } from 'vitest';
import { kernelFormats } from '../../runtime/kernels/formats.ts';
import { type VectorLoop, vectorLoops } from './machine-code.ts';

/**
 * V8 hoists a block's loads, and a kernel that gives it too many runs out of registers: it then runs at full speed in
 * the main thread and at a third of it in a worker. What V8 makes of the kernels is checked here.
 */
const mostSpills = 0.25;
/** A loop of fewer vector instructions is the frame of another one, or short of work. */
const leastInstructions = 60;

const readable = process.arch === 'x64' && process.versions.node.startsWith('20.');
if (!readable) console.log('skipped: the machine code of Node 20 on x64 is what this test can read');

/** Those of floats are short of work: 8 sums and 16 operations. */
const panels = Object.values(kernelFormats)
  .filter(({ blockColumns }) => blockColumns > 1)
  .map(({ name }) => `Panel${name}`);

const spillShare = ({ spills, instructions }: VectorLoop): number => spills / instructions;
const isHot = ({ instructions }: VectorLoop): boolean => instructions >= leastInstructions;

/** Vectors that live through a loop, more than there are registers. */
const spillingKernel = (live: number): string => `
  export function spill(p: usize, end: usize): void {
    ${Array.from({ length: live }, (_, i) => `let v${i} = v128.load(p, ${16 * i});`).join('\n')}
    while (p < end) {
      const x = v128.load(p);
      ${Array.from({ length: live }, (_, i) => `v${i} = f32x4.add(f32x4.mul(v${i}, x), x);`).join('\n')}
      p += 16;
    }
    ${Array.from({ length: live }, (_, i) => `v128.store(p, v${i}, ${16 * i});`).join('\n')}
  }`;

const folder = mkdtempSync(join(tmpdir(), 'hearth-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function compiled(source: string): Promise<string> {
  const file = join(folder, 'kernel.wasm');
  const options = [
    '-O3',
    '--enable',
    'simd',
    '--runtime',
    'stub',
    '--importMemory',
    '--outFile',
    'kernel.wasm',
  ];
  const { error, stderr } = await asc.main(['kernel.ts', ...options], {
    readFile: (name) => (name === 'kernel.ts' ? source : null),
    writeFile: (_, contents) => writeFileSync(file, contents),
    listFiles: () => null,
  });
  if (error) throw new Error(stderr.toString());
  return file;
}

describe.skipIf(!readable)('registers', () => {
  it.each(['relaxed', 'baseline'])('suffice for the loops of the %s kernels', (build) => {
    const file = fileURLToPath(new URL(`../../dist/assembly/kernels.${build}.wasm`, import.meta.url));
    const hot = vectorLoops(file).filter(isHot);
    const kernels = new Set(hot.map(({ kernel }) => kernel));
    for (const type of ['Q4_0', 'Q8_0', 'Q4_K', 'Q6_K', ...panels])
      expect(kernels).toContain(`matmul${type}`);
    expect(hot.filter((loop) => spillShare(loop) > mostSpills)).toEqual([]);
  });

  it.each([
    { live: 40, spills: true },
    { live: 10, spills: false },
  ])('$live live vectors: spills $spills', async ({ live, spills }) => {
    const loops = vectorLoops(await compiled(spillingKernel(live)));
    const [loop] = loops.sort((a, b) => b.instructions - a.instructions);
    expect(loop!.instructions).toBeGreaterThan(2 * live);
    expect(spillShare(loop!) > mostSpills).toBe(spills);
  });
});
