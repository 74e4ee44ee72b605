import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { median, root } from '../history.mjs';

const client = fileURLToPath(new URL('completion-timings.mjs', import.meta.url));
/** Ids that are in every vocabulary, and no special ones. */
const firstToken = 300;
const tokenRange = 20_000;
const leastContext = 64;

/** `hearth serve` on host 0, which computes too, and `hearth join` on the others. */
export class Hearth {
  name;
  #serveArgs;
  #folder;
  #program;

  /**
   * @param serveArgs what this configuration is about @param folder for the weights that devices keep
   * @param program what was built, if not in `dist/`
   */
  constructor(name, serveArgs, folder, program = `${root}dist/coordinator/hearth.js`) {
    this.name = name;
    this.#serveArgs = serveArgs;
    this.#folder = folder;
    this.#program = program;
  }

  /** Whether it has to decide who computes what, and so must know the link before. */
  get plans() {
    return !this.#serveArgs.some((arg) => arg === '--split' || arg === '--pipeline');
  }

  async prepare() {}

  async measure({ cluster, model, promptTokens, generateTokens, repetitions, afterLoading }) {
    const running = await this.start({ cluster, model, contextTokens: promptTokens + generateTokens });
    try {
      await afterLoading();
      // What the first request compiles is not measured.
      await running.ask(promptTokens, 4);
      const timings = [];
      for (let i = 0; i < repetitions; i += 1) timings.push(await running.ask(promptTokens, generateTokens));
      return {
        prefill: median(timings.map((each) => each.prompt_per_second)),
        decode: median(timings.map((each) => each.predicted_per_second)),
      };
    } finally {
      await running.stop();
    }
  }

  /** @returns a cluster that is ready, to be asked and stopped */
  async start({ cluster, model, contextTokens, local = true }) {
    const { network, hosts, limitBytes } = cluster;
    const secret = randomBytes(18).toString('base64url');
    // In a network namespace a program finds no control group that it could know its limit from.
    const memory = limitBytes ? ['--memory', `${Math.floor(limitBytes / 1e6)}MB`] : [];
    const run = (host, args) =>
      cluster.start(
        host,
        [process.execPath, this.#program, ...args, '--secret', secret, '--threads', '1', ...memory],
        {
          env: {
            ...process.env,
            HEARTH_CACHE: `${this.#folder}/host-${host}`,
            HEARTH_KEYS: `${this.#folder}/keys-${host}`,
          },
        },
      );
    const programs = [];
    const stop = async () => {
      for (const program of programs.toReversed()) await program.stop();
    };
    try {
      const where = ['--host', network.bindAddress, '--port', '0', '--api-key', secret];
      const size = ['--parallel', '1', '--context', String(Math.max(leastContext, contextTokens + 1))];
      const devices = local ? ['--devices', String(hosts)] : ['--no-local', '--devices', String(hosts - 1)];
      programs.push(run(0, ['serve', model, ...where, ...size, ...devices, ...this.#serveArgs]));
      const [, port] = await programs[0].says(/API\s+https?:\S+:(\d+)\/v1/);
      for (let host = 1; host < hosts; host += 1) {
        const address = await network.addressOf(0, Number(port));
        const url = `ws://${address.host}:${address.port}`;
        programs.push(run(host, ['join', url, '--name', `host-${host}`]));
        await programs.at(-1).says(/joined/);
      }
      await programs[0].says(/Ready/, 600_000);
      const url = `http://127.0.0.1:${port}`;
      let asked = 0;
      const ask = (promptTokens, generateTokens, fields = {}) => {
        asked += 1;
        const prompt = newPrompt(asked, promptTokens);
        return complete(cluster, `${url}/v1`, secret, { ...fields, prompt, max_tokens: generateTokens });
      };
      return { ask, stop, url, key: secret, pids: programs.map(({ pid }) => pid) };
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

/** Another one each time, of which nothing is known yet. */
function newPrompt(seed, tokens) {
  return Array.from({ length: tokens }, (_, i) => firstToken + ((seed * 7919 + i * 613) % tokenRange));
}

/** @returns `timings` of the answer */
async function complete(cluster, url, key, request) {
  const body = JSON.stringify({ temperature: 0, ...request });
  const timings = JSON.parse(await cluster.startBeside(0, [process.execPath, client, url, key, body]).end());
  const { cache_n, prompt_n, predicted_n } = timings;
  if (cache_n !== 0 || prompt_n !== request.prompt.length || predicted_n !== request.max_tokens)
    throw new Error(`the answer is not what was asked for: ${JSON.stringify(timings)}`);
  return timings;
}
