import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { HearthProcess } from './hearth-process.ts';
import { memorySource } from './memory-source.ts';
import { SlowLink } from './slow-link.ts';
import { type SyntheticModelOptions, syntheticModel } from './synthetic-model.ts';

/** What agents are paired with. */
export const secret = 'a-secret-of-these-tests';

/** A folder of its own with a small model, a coordinator and agents: real processes, and what is between them. */
export class House {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-house-'));
  readonly modelPath = join(this.folder, 'model.gguf');
  readonly link: SlowLink;
  model!: ModelFile;
  coordinator: HearthProcess | undefined;
  url = '';
  readonly #processes = new Set<HearthProcess>();

  private constructor(link: SlowLink) {
    this.link = link;
  }

  static async build(options: Partial<SyntheticModelOptions> = {}): Promise<House> {
    const house = new House(await SlowLink.open());
    await house.putModel(options);
    return house;
  }

  /** Another model of the same shape has another seed. */
  async putModel(options: Partial<SyntheticModelOptions> = {}): Promise<void> {
    const bytes = await syntheticModel({ type: 'Q4_0', layerCount: 4, ...options });
    writeFileSync(this.modelPath, bytes);
    this.model = await openModelFile(memorySource(bytes));
  }

  /** What a process keeps; one name, or one path, is one folder. */
  cache(name: string): string {
    return resolve(this.folder, name);
  }

  /** Starts a coordinator that computes nothing, behind the link. */
  serve(...args: readonly string[]): Promise<HearthProcess> {
    return this.serveFrom('coordinator', ...args);
  }

  /** @param cache where it remembers what it has sent */
  async serveFrom(cache: string, ...args: readonly string[]): Promise<HearthProcess> {
    const served = ['serve', this.modelPath, '--no-local', '--port', '0', '--secret', secret, ...args];
    const coordinator = this.start(served, {
      HEARTH_CACHE: this.cache(cache),
      HEARTH_KEYS: this.cache('keys'),
    });
    this.coordinator = coordinator;
    const [, api] = await coordinator.says(/API\s+(http:\S+)\/v1/);
    this.url = api!;
    this.link.targetPort = Number(new URL(api!).port);
    return coordinator;
  }

  /** Starts an agent with the cache of some name. */
  join(cache: string, ...args: readonly string[]): HearthProcess {
    return this.joinOver(this.link, cache, ...args);
  }

  joinOver(link: SlowLink, cache: string, ...args: readonly string[]): HearthProcess {
    const url = `ws://127.0.0.1:${link.port}`;
    const joined = ['join', url, '--secret', secret, '--threads', '1', '--name', basename(cache), ...args];
    return this.start(joined, { HEARTH_CACHE: this.cache(cache), HEARTH_KEYS: this.cache('keys') });
  }

  start(args: readonly string[], environment: Record<string, string>): HearthProcess {
    const started = new HearthProcess(args, environment);
    this.#processes.add(started);
    return started;
  }

  /** Bytes of all tiles. */
  get allBytes(): number {
    return this.model.tiles.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** What the model answers, token by token with their log-probabilities, as soon as there are devices. */
  async answer(): Promise<unknown> {
    const response = await fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [{ role: 'user', content: 'Which is it?' }],
        temperature: 0,
        max_tokens: 8,
        logprobs: true,
        top_logprobs: 2,
      }),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = (await response.json()) as { choices?: [{ logprobs: { content: unknown } }] };
    if (!answer.choices) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
    return answer.choices[0].logprobs.content;
  }

  async devices(): Promise<DeviceState[]> {
    const response = await fetch(`${this.url}/v1/cluster/devices`, { signal: AbortSignal.timeout(10_000) });
    return ((await response.json()) as { devices: DeviceState[] }).devices;
  }

  /** Waits until the device of a name is in some state, with at least so many tiles. */
  async device(name: string, state: DeviceState['state'], tiles = 0): Promise<DeviceState> {
    const signal = AbortSignal.timeout(30_000);
    for (;;) {
      const devices = await this.devices();
      const found = devices.find((device) => device.name === name);
      if (found?.state === state && found.tiles >= tiles) return found;
      if (signal.aborted) throw new Error(`${name} is not ${state}, but:\n${JSON.stringify(devices)}`);
      await sleep(20);
    }
  }

  /** Ends one process at once. */
  async kill(process: HearthProcess | undefined): Promise<void> {
    if (!process) return;
    await process.kill('SIGKILL');
    this.#processes.delete(process);
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#processes].map((process) => this.kill(process)));
  }

  async close(): Promise<void> {
    await this.killAll();
    await this.link.close();
    rmSync(this.folder, { recursive: true });
  }
}
