import { dirname, join } from 'node:path';
import { median } from '../history.mjs';

const port = 50_052;

/**
 * llama.cpp with its RPC backend: whole layers on every host. Host 0 computes its part and the head itself, so that
 * only activations cross the link, which is faster than to have servers do all and send the logits back.
 */
export class LlamaRpc {
  name = 'llama.cpp RPC';
  #bench;
  #server;

  /** @param bench the program llama-bench, beside which lies ggml-rpc-server */
  constructor(bench) {
    this.#bench = bench;
    this.#server = join(dirname(bench), 'ggml-rpc-server');
  }

  async prepare() {}

  async measure({ cluster, model, layerCount, promptTokens, generateTokens, repetitions, afterLoading }) {
    const { network, hosts } = cluster;
    const servers = [];
    const addresses = [];
    try {
      for (let host = 1; host < hosts; host += 1) {
        const at = port + host;
        const where = ['-H', network.bindAddress, '-p', String(at)];
        servers.push(cluster.start(host, ['stdbuf', '-oL', this.#server, ...where, '-t', '1']));
        await servers.at(-1).says(/Devices:/);
        const address = await network.addressOf(host, at);
        addresses.push(`${address.host}:${address.port}`);
      }
      const remoteLayers = Math.round((layerCount * (hosts - 1)) / hosts);
      const where = ['--rpc', addresses.join(','), '-ngl', String(remoteLayers), '-t', '1'];
      const test = ['-p', String(promptTokens), '-n', String(generateTokens), '-r', String(repetitions)];
      const args = ['-m', model, ...where, ...test, '-o', 'jsonl', '--progress'];
      const bench = cluster.start(0, [this.#bench, ...args]);
      servers.push(bench);
      await bench.says(/warmup/, 600_000);
      await afterLoading();
      return ratesOf(await bench.end());
    } finally {
      for (const server of servers.toReversed()) await server.stop();
    }
  }
}

/** @param said what `llama-bench -o jsonl` prints, with its progress @returns tokens a second */
export function ratesOf(said) {
  const lines = said.split('\n').filter((line) => line.startsWith('{'));
  const results = lines.map((line) => JSON.parse(line));
  const rate = (of) => median(results.find((result) => result[of] > 0).samples_ts);
  return { prefill: rate('n_prompt'), decode: rate('n_gen') };
}
