import { execFileSync } from 'node:child_process';

/** Vector instructions of an innermost loop of one function. */
export interface VectorLoop {
  readonly kernel: string;
  readonly instructions: number;
  /** Those of them that read or write the stack: a register that did not suffice. */
  readonly spills: number;
}

interface Instruction {
  readonly offset: number;
  readonly text: string;
}

const flags = [
  '--experimental-wasm-relaxed-simd',
  '--print-wasm-code',
  '--no-liftoff',
  '--no-wasm-tier-up',
  '--no-wasm-lazy-compilation',
];

/** Run in a process of its own: compiles a module, then prints which export is which function. */
const compile = `
  const { readFileSync } = require('node:fs');
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = new WebAssembly.Module(readFileSync(process.argv[1]));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const names = Object.entries(exports).map(([name, { name: index }]) => [index, name]);
  console.log('--- names ---' + JSON.stringify(names));
`;

/** The innermost loops of a module's exports, as V8's optimising compiler translates them for x64. */
export function vectorLoops(wasmFile: string): VectorLoop[] {
  const output = execFileSync(process.execPath, [...flags, '-e', compile, wasmFile], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const [code, names] = output.split('--- names ---');
  const nameOf = new Map<string, string>(JSON.parse(names!));
  return code!
    .split('--- WebAssembly code ---')
    .slice(1)
    .flatMap((listing) => {
      const kernel = nameOf.get(/^index: (\d+)$/m.exec(listing)![1]!);
      return kernel === undefined ? [] : loopsOf(kernel, hotInstructions(listing));
    });
}

/** Up to the return: what V8 puts behind it is rarely run. */
function hotInstructions(listing: string): Instruction[] {
  const lines = listing.matchAll(/^0x[0-9a-f]+ +([0-9a-f]+) {2}[0-9a-f]+ +(.*)$/gm);
  const instructions = [...lines].map(([, offset, text]) => ({
    offset: Number.parseInt(offset!, 16),
    text: text!,
  }));
  return instructions.slice(0, instructions.findIndex(({ text }) => text.startsWith('ret')) + 1);
}

function loopsOf(kernel: string, instructions: readonly Instruction[]): VectorLoop[] {
  const loops = instructions.flatMap(({ offset, text }) => {
    const target = /^j\w+ 0x[0-9a-f]+ {2}<\+0x([0-9a-f]+)>/.exec(text)?.[1];
    const start = target === undefined ? offset + 1 : Number.parseInt(target, 16);
    return start <= offset ? [{ start, end: offset }] : [];
  });
  const innermost = loops.filter(
    (loop) => !loops.some((other) => other !== loop && other.start >= loop.start && other.end <= loop.end),
  );
  return innermost.map(({ start, end }) => {
    const vector = instructions.filter(
      ({ offset, text }) => offset >= start && offset <= end && text.includes('xmm'),
    );
    const spills = vector.filter(({ text }) => /\[r[bs]p[+-]/.test(text)).length;
    return { kernel, instructions: vector.length, spills };
  });
}
