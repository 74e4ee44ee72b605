import { pull } from '../../coordinator/pull/pull.ts';
import { WebClient } from '../../coordinator/pull/web-client.ts';
import { chunkBytes } from './chunk-bytes.ts';

/** Pulls one file in a process of its own, to be killed: its URL, its SHA-256 and the folder are its arguments. */
const [url, sha256, folder] = process.argv.slice(2) as [string, string, string];
const client = new WebClient();
await pull(client, [{ name: 'model.gguf', url: new URL(url), sha256 }], {
  folder,
  chunkBytes,
  onNote: (note) => process.stderr.write(`${note}\n`),
  onProgress: () => {},
});
await client.close();
