import { basename } from 'node:path';
import { partNames } from '../../runtime/gguf/split.ts';
import { chooseFile } from './choose-file.ts';
import { Hub } from './hub.ts';
import { checkedFileName } from './model-paths.ts';
import { decodedPath, type Reference } from './reference.ts';
import type { RetryOptions } from './retry.ts';
import type { WebClient } from './web-client.ts';

/** One file to fetch. */
export interface Wanted {
  /** What it is called in the model folder. */
  readonly name: string;
  readonly url: URL;
  /** Where the source tells them beforehand. */
  readonly bytes?: number;
  readonly sha256?: string | undefined;
}

/**
 * The files that a reference means, of a split model all parts in their order.
 * @throws HearthError USAGE, PULL_NOT_FOUND, PULL_FAILED, PULL_REFUSED, REQUEST_CANCELLED
 */
export async function resolveReference(
  client: WebClient,
  endpoint: URL,
  reference: Reference,
  retry: RetryOptions,
): Promise<Wanted[]> {
  if (reference.kind === 'url') return urlParts(reference.url);
  const hub = new Hub(client, endpoint, retry);
  const listing = await hub.list(reference.repo);
  const { files } = chooseFile(reference.repo, listing.files, reference);
  return files.map(({ path, bytes, sha256 }) => ({
    name: checkedFileName(basename(path)),
    url: hub.fileUrl(listing, path),
    bytes,
    sha256,
  }));
}

/** Parts of a split model lie beside each other. */
function urlParts(url: URL): Wanted[] {
  return partNames(basename(decodedPath(url))).map((part) => {
    const name = checkedFileName(part);
    const at = new URL(url);
    at.pathname = url.pathname.replace(/[^/]*$/, encodeURIComponent(name));
    return { name, url: at };
  });
}
