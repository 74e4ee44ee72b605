import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import type { Context } from 'hono';
import { HearthError } from '../../runtime/error.ts';
import { pageHeaders } from './headers.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
};

/** Encodings that the build made of every file, the smallest first. */
const encodings: readonly (readonly [name: string, ending: string])[] = [
  ['br', '.br'],
  ['gzip', '.gz'],
];

interface PageFile {
  readonly headers: Readonly<Record<string, string>>;
  /** By encoding; as it is under `identity`. */
  readonly bodies: ReadonlyMap<string, Buffer>;
}

/** One built page: all of its files, which are few and small, in memory from the first request on. */
export class PageFiles {
  readonly #folder: string;
  readonly #headers: Readonly<Record<string, string>>;
  #files: ReadonlyMap<string, PageFile> | undefined;

  /** @param headers of all files */
  constructor(folder: string, headers = pageHeaders) {
    this.#folder = folder;
    this.#headers = headers;
  }

  /** @param path in the page; empty is the page itself @throws HearthError ROUTE_NOT_FOUND */
  answer({ req }: Context, path: string): Response {
    this.#files ??= readPage(this.#folder, this.#headers);
    const file = this.#files.get(path === '' ? 'index.html' : path);
    if (!file) throw new HearthError('ROUTE_NOT_FOUND', `there is no ${req.path} here`);
    const { headers, bodies } = file;
    if (req.header('if-none-match') === headers.etag) return new Response(null, { status: 304, headers });
    const accepted = (req.header('accept-encoding') ?? '')
      .split(',')
      .map((name) => name.split(';')[0]!.trim());
    const [encoding] = encodings.find(([name]) => accepted.includes(name) && bodies.has(name)) ?? [
      'identity',
    ];
    const encoded: Record<string, string> = encoding === 'identity' ? {} : { 'content-encoding': encoding };
    const body = new Uint8Array(bodies.get(encoding)!);
    return new Response(body, { headers: { ...headers, ...encoded, 'content-length': String(body.length) } });
  }
}

function readPage(folder: string, headers: PageFile['headers']): ReadonlyMap<string, PageFile> {
  if (!existsSync(folder))
    throw new HearthError('ROUTE_NOT_FOUND', 'the page is not built: run npm run build');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const whole = paths.filter((path) => extname(path) in types);
  return new Map(
    whole.map((path) => [relative(folder, path).split(sep).join('/'), readPageFile(path, paths, headers)]),
  );
}

function readPageFile(path: string, all: readonly string[], headers: PageFile['headers']): PageFile {
  const body = readFileSync(path);
  const bodies = new Map([['identity', body]]);
  for (const [name, ending] of encodings) {
    if (all.includes(path + ending)) bodies.set(name, readFileSync(path + ending));
  }
  // Only names with a hash of the content mean the same for ever: a kept index.html would ask for files of another build.
  const isHashed = path.includes(`${sep}assets${sep}`);
  return {
    bodies,
    headers: {
      ...headers,
      'content-type': types[extname(path)]!,
      'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      vary: 'Accept-Encoding',
    },
  };
}
