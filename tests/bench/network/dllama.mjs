import { existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import esbuild from 'esbuild';
import { root } from '../history.mjs';

const port = 9998;

/** distributed-llama: tensor parallel, a root with the model file and a worker on every other host. */
export class Dllama {
  name = 'dllama';
  #program;

  constructor(program) {
    this.#program = program;
  }

  /** Its own format, beside the model, where it stays. Its head is Q4_0 too: less to read than in the GGUF file. */
  async prepare(model) {
    const files = { model: `${model}.dllama.m`, tokenizer: `${model}.dllama.t` };
    const isNew = (file) => existsSync(file) && statSync(file).mtimeMs > statSync(model).mtimeMs;
    if (Object.values(files).every(isNew)) return files;
    const outfile = join(root, 'dist', 'bench', 'dllama-convert.js');
    await esbuild.build({
      entryPoints: [join(root, 'tests/bench/network/dllama-convert.ts')],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
    });
    const { convert } = await import(outfile);
    await convert(model, { model: `${files.model}.part`, tokenizer: `${files.tokenizer}.part` });
    for (const file of Object.values(files)) renameSync(`${file}.part`, file);
    return files;
  }

  async measure({ cluster, files, promptTokens, generateTokens, afterLoading }) {
    const { network, hosts } = cluster;
    const workers = [];
    const addresses = [];
    const run = (host, args) =>
      cluster.start(host, ['stdbuf', '-oL', this.#program, ...args, '--nthreads', '1']);
    try {
      for (let host = 1; host < hosts; host += 1) {
        const at = port + host;
        workers.push(run(host, ['worker', '--host', network.bindAddress, '--port', String(at)]));
        const address = await network.addressOf(host, at);
        addresses.push(`${address.host}:${address.port}`);
        await workers.at(-1).says(/Listening/);
      }
      // One token a letter where the vocabulary has nothing longer; the last one begins the answer.
      const prompt = Array.from({ length: promptTokens + 1 }, (_, i) => 'etaoinsh'[(i * 5) % 8]).join('');
      const settings = ['--buffer-float-type', 'q80', '--max-seq-len', '1024', '--temperature', '0'];
      const speech = ['--prompt', prompt, '--steps', String(promptTokens + generateTokens)];
      const where = ['--model', files.model, '--tokenizer', files.tokenizer, '--workers', ...addresses];
      const first = run(0, ['inference', ...settings, ...speech, ...where]);
      workers.push(first);
      await first.says(/Weights loaded/);
      await afterLoading();
      return ratesOf(await first.end());
    } finally {
      for (const worker of workers) await worker.stop();
    }
  }
}

/** @param said what `dllama inference` prints @returns tokens a second */
export function ratesOf(said) {
  const rate = (part) =>
    Number(new RegExp(`^${part}$[^]*?tokens/s: ([\\d.]+)`, 'm').exec(said)?.[1] ?? Number.NaN);
  return { prefill: rate('Evaluation'), decode: rate('Prediction') };
}
