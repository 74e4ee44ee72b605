import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { type Pulled, type PullOptions, pull } from '../../coordinator/pull/pull.ts';
import { WebClient, type WebClientOptions } from '../../coordinator/pull/web-client.ts';
import { Random } from '../support/random.ts';
import { chunkBytes } from './chunk-bytes.ts';
import { FakeHub, sha256 } from './fake-hub.ts';

/** Begins as a model does; the rest is no model's. */
export function fakeModel(length: number, seed = 1): Buffer {
  const random = new Random(seed);
  const bytes = Buffer.from(Uint8Array.from({ length }, () => random.integer(256)));
  bytes.write('GGUF');
  return bytes;
}

/** A fresh hub, model folder and client for each test, and a short way to pull `model.gguf`. */
export class PullBench {
  hub!: FakeHub;
  folder!: string;
  readonly notes: string[] = [];
  readonly #clients: WebClient[] = [];

  constructor() {
    beforeEach(async () => {
      for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']) vi.stubEnv(name, '');
      this.hub = await FakeHub.start();
      this.folder = mkdtempSync(join(tmpdir(), 'hearth-pull-'));
      this.notes.length = 0;
    });
    afterEach(async () => {
      await Promise.all(this.#clients.splice(0).map((client) => client.close()));
      await this.hub.close();
      rmSync(this.folder, { recursive: true });
      vi.unstubAllEnvs();
    });
  }

  client(options: WebClientOptions = {}): WebClient {
    const client = new WebClient({ stallMs: 5000, ...options });
    this.#clients.push(client);
    return client;
  }

  /** @param hash whether the source tells the hash of what it has now */
  pull(options: Partial<PullOptions> = {}, hash = true, client = this.client()): Promise<Pulled> {
    const bytes = this.hub.files.get('model.gguf')!;
    const wanted = {
      name: 'model.gguf',
      url: this.hub.fileUrl('model.gguf'),
      ...(hash && { sha256: sha256(bytes) }),
    };
    return pull(client, [wanted], this.options(options));
  }

  options(options: Partial<PullOptions> = {}): PullOptions {
    const defaults = { tries: 3, firstDelayMs: 1, chunkBytes, onProgress: () => {} };
    return { folder: this.folder, onNote: (note) => this.notes.push(note), ...defaults, ...options };
  }

  get listing(): string[] {
    return readdirSync(this.folder).sort();
  }

  /** The file in its place, if it is there. */
  get result(): Buffer | undefined {
    const path = join(this.folder, 'model.gguf');
    return existsSync(path) ? readFileSync(path) : undefined;
  }
}
