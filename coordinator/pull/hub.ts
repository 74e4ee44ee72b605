import { z } from 'zod';
import { HearthError } from '../../runtime/error.ts';
import { checkStatus } from './range-answer.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import type { Answer, WebClient } from './web-client.ts';

/** A file of a repository. */
export interface HubFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** In hex; of a small file that is kept in git itself the hub does not tell it. */
  readonly sha256?: string | undefined;
}

/** A repository's files as one commit has them. */
export interface HubListing {
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const maxPages = 100;
const maxAnswerBytes = 32 << 20;

const hash = (digits: number) => z.string().regex(new RegExp(`^[\\da-f]{${digits}}$`));
const revision = z.object({ sha: hash(40) });
const tree = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().int().nonnegative(),
    lfs: z.object({ oid: hash(64), size: z.number().int().nonnegative() }).optional(),
  }),
);

interface Page<T> {
  readonly value: T;
  readonly next: URL | undefined;
}

/** The Hugging Face Hub's API, as huggingface.co and its mirrors have it. */
export class Hub {
  readonly #client: WebClient;
  readonly #endpoint: URL;
  readonly #retry: RetryOptions;

  constructor(client: WebClient, endpoint: URL, retry: RetryOptions) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#retry = retry;
  }

  /**
   * All files on the main branch, with the commit that it is at: what is then fetched does not change under way.
   * @throws HearthError PULL_NOT_FOUND, PULL_FAILED, PULL_REFUSED, REQUEST_CANCELLED
   */
  async list(repo: string): Promise<HubListing> {
    const main = await this.#json(repo, this.#url(`api/models/${repo}/revision/main`), revision);
    const files: HubFile[] = [];
    let url: URL | undefined = this.#url(`api/models/${repo}/tree/${main.value.sha}?recursive=true`);
    for (let page = 0; url && page < maxPages; page += 1) {
      const answer: Page<z.infer<typeof tree>> = await this.#json(repo, url, tree);
      for (const { type, path, size, lfs } of answer.value)
        if (type === 'file') files.push({ path, bytes: lfs?.size ?? size, sha256: lfs?.oid });
      url = answer.next;
    }
    return { repo, commit: main.value.sha, files };
  }

  fileUrl({ repo, commit }: HubListing, path: string): URL {
    return this.#url(`${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`);
  }

  /** Below the endpoint, which may have a path of its own. */
  #url(path: string): URL {
    return new URL(path, this.#endpoint.href.replace(/\/*$/, '/'));
  }

  #json<T>(repo: string, url: URL, schema: z.ZodType<T>): Promise<Page<T>> {
    const ask = async () => {
      const trustedOrigin = this.#endpoint.origin;
      const answer = await this.#client.get(url, { trustedOrigin, signal: this.#retry.signal });
      const text = await bodyText(answer);
      if ([401, 403, 404].includes(answer.status)) throw absent(repo, this.#endpoint, answer.status);
      checkStatus(answer);
      const value = schema.safeParse(parsed(text));
      if (!value.success) throw strange(this.#endpoint);
      return { value: value.data, next: nextPage(answer, trustedOrigin) };
    };
    return withRetries(`listing ${repo} on ${this.#endpoint.host}`, ask, this.#retry);
  }
}

/** RFC 8288: `<https://…>; rel="next"`. */
function nextPage({ headers, url }: Answer, trustedOrigin: string): URL | undefined {
  const link = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(String(headers.link ?? ''))?.[1];
  if (link === undefined) return undefined;
  const next = URL.canParse(link, url) ? new URL(link, url) : undefined;
  // A page elsewhere is no page of this hub.
  if (next?.origin !== trustedOrigin) throw strange(url);
  return next;
}

async function bodyText({ body, url }: Answer): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) throw strange(url);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function absent(repo: string, { host, href }: URL, status: number): HearthError {
  const page = new URL(repo, href).href;
  const remedy =
    status === 403
      ? `accept its terms at ${page} and set HF_TOKEN to a token of that account`
      : 'check the spelling; of a private or gated one set HF_TOKEN';
  return new HearthError('PULL_NOT_FOUND', `${host} does not show a model ${repo} (${status}): ${remedy}`, {
    repo,
    status,
  });
}

function strange({ host }: URL): HearthError {
  return new HearthError('PULL_FAILED', `${host} does not answer as the Hugging Face Hub does`, { host });
}
