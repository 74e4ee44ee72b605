import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyFile } from '../../../coordinator/access/key-file.ts';
import { AnswerJournal, readJournal } from '../../../coordinator/conversations/answer-journal.ts';
import { ConversationFolder } from '../../../coordinator/conversations/conversation-folder.ts';
import { openTileHashes } from '../../../coordinator/files/tile-hash-file.ts';
import { pairingFile } from '../../../coordinator/pairing/pairing-file.ts';
import { readProfile, writeProfile } from '../../../coordinator/sparsity/firing-profile.ts';
import { tlsFile } from '../../../coordinator/tls/tls-file.ts';
import { silentLogger } from '../../../device-agent/logger.ts';
import { DeviceKeys } from '../../../device-agent/node/device-keys.ts';
import { RememberedRates } from '../../../device-agent/node/remembered-rates.ts';
import { defaultSampling } from '../../../runtime/sampling/params.ts';
import { tileSpecs } from '../../../runtime/tile/spec.ts';
import { hashAt } from '../../../runtime/tile/tile-hash.ts';
import { testCertificate } from '../../http/every-route.ts';
import { description } from '../../support/description.ts';
import { conversation } from '../conversation.ts';
import { join as joined } from '../mutate-bytes.ts';
import { textMutator } from '../mutate-text.ts';
import { json, valueMutator } from '../mutate-value.ts';
import type { Mutate, Target } from '../target.ts';

/** A kind of file: what is written there when all is well, and what reads it. */
interface Kind {
  /** @returns the name of the file in the folder */
  readonly make: (folder: string) => string | Promise<string>;
  readonly read: (folder: string, path: string) => unknown;
}

const rates = { kernels: {}, attentionBytesPerSecond: 7e9, diskBytesPerSecond: 1e9, syncMs: 0.1 };
const request = {
  prompt: [1, 2, 3],
  sampling: { ...defaultSampling, logitBias: new Map([[5, -1]]) },
  stop: ['x'],
  maxTokens: 9,
};
const threeTiles = { description: description(), tiles: tileSpecs(description()).slice(0, 3) };
const version = { path: 'model.gguf', version: '1' };
const shape = { layerCount: 2, intermediateSize: 3 };

/** What Hearth has written and reads again: a crash, a bad disk or a person may have been at it. */
const kinds: readonly Kind[] = [
  {
    make: (folder) => {
      const createdAt = new Date(0);
      keyFile(folder).write({
        removals: 1,
        keys: [{ name: 'phone', scope: 'chat', hash: Buffer.alloc(32, 5), createdAt }],
      });
      return 'api-keys.json';
    },
    read: (folder) => keyFile(folder).read(),
  },
  {
    make: (folder) => {
      const store = pairingFile(folder);
      const device = { name: 'den', publicKey: new Uint8Array(32).fill(4), pairedAt: new Date(0) };
      store.write({ ...store.read(), devices: [device] });
      return 'coordinator.json';
    },
    read: (folder) => pairingFile(folder).read(),
  },
  {
    make: (folder) => {
      const { certificate } = testCertificate();
      tlsFile(folder).write({
        authority: certificate,
        ownNames: ['den'],
        leaf: { ...certificate, names: ['den'] },
      });
      return 'tls.json';
    },
    read: (folder) => tlsFile(folder).read(),
  },
  {
    make: (folder) => {
      new DeviceKeys('den', folder).remember(new Uint8Array(32).fill(1), 'ws://127.0.0.1/');
      return readdirSync(folder)[0]!;
    },
    read: (folder) => new DeviceKeys('den', folder).lastUrl,
  },
  {
    make: (folder) => {
      new RememberedRates(join(folder, 'rates.json'), () => 5).note('key', rates);
      return 'rates.json';
    },
    read: (_, path) => new RememberedRates(path, () => 5).find('key'),
  },
  {
    make: (folder) => {
      const file = openTileHashes(version, threeTiles, silentLogger, folder);
      file.hashes.learn(1, new Uint8Array(32).fill(6));
      file.close();
      return readdirSync(folder)[0]!;
    },
    read: (folder) => {
      const file = openTileHashes(version, threeTiles, silentLogger, folder);
      file.close();
      const hashes = file.hashes.of([0, 1, 2]);
      const known = [0, 1, 2].map((id) => hashAt(hashes, id)[0]);
      if (known.some((byte, id) => byte !== 0 && !(id === 1 && byte === 6)))
        throw new Error('a hash that nobody learned');
    },
  },
  {
    make: async (folder) => {
      const journal = await AnswerJournal.begin(join(folder, 'a.answer'), {
        message: 'm',
        begun: '',
        model: 'tiny',
        request,
      });
      for (const token of [4, 5, 6]) journal.append(token);
      await (await AnswerJournal.takeUp(join(folder, 'a.answer'))).append(7);
      return 'a.answer';
    },
    read: (_, path) => readJournal(path),
  },
  {
    make: async (folder) => {
      await writeProfile(join(folder, 'x.firing.json'), {
        model: 'tiny',
        tokens: 9,
        counts: [
          [1, 2, 3],
          [4, 5, 9],
        ],
      });
      return 'x.firing.json';
    },
    read: (_, path) => readProfile(path, shape),
  },
  {
    make: async (folder) => {
      const opened = await ConversationFolder.open(folder);
      await opened.write(conversation);
      await opened.close();
      return `${conversation.id}.json`;
    },
    read: async (folder) => {
      const opened = await ConversationFolder.open(folder);
      await opened.read(conversation.id).finally(() => opened.close());
    },
  },
];

const words = [
  '\n',
  '+\n',
  '{',
  '}',
  '"',
  'privateKey',
  '2026-11-23T10:00:00.000Z',
  '-----BEGIN CERTIFICATE-----',
  'AAAA',
];
const mutateWords = valueMutator(json, textMutator(words));
/** The kind, which comes first, stays. */
const mutate: Mutate = (input, random, another) =>
  joined(input.subarray(0, 1), mutateWords(input.subarray(1), random, another.subarray(1)));

export async function filesTarget(): Promise<Target> {
  const root = mkdtempSync(join(tmpdir(), 'hearth-fuzz-'));
  const places = await Promise.all(
    kinds.map(async ({ make }, i) => {
      const folder = mkdtempSync(join(root, `${i}-`));
      return { folder, path: join(folder, await make(folder)) };
    }),
  );
  return {
    seeds: places.map(({ path }, i) => joined(Uint8Array.of(i), readFileSync(path))),
    mutate,
    read: async (input) => {
      const i = (input[0] ?? 0) % kinds.length;
      const { folder, path } = places[i]!;
      writeFileSync(path, input.subarray(1));
      const value = await kinds[i]!.read(folder, path);
      return `file ${i} ${value !== undefined}`;
    },
    close: async () => rmSync(root, { recursive: true }),
  };
}
