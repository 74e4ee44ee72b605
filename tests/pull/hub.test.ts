import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Hub } from '../../coordinator/pull/hub.ts';
import { parseReference } from '../../coordinator/pull/reference.ts';
import { resolveReference } from '../../coordinator/pull/resolve.ts';
import { repo, sha256 } from './fake-hub.ts';
import { fakeModel, PullBench } from './fixtures.ts';

const bench = new PullBench();
const names = [
  'a-Q4_0.gguf',
  'a-Q8_0.gguf',
  'sub folder/b-Q8_0-00001-of-00002.gguf',
  'sub folder/b-Q8_0-00002-of-00002.gguf',
];
beforeEach(() => {
  for (const [i, name] of names.entries()) bench.hub.files.set(name, fakeModel(100 + i, i));
});

const hub = (endpoint = bench.hub.url) => new Hub(bench.client(), endpoint, { tries: 2, firstDelayMs: 1 });
const resolve = (text: string, client = bench.client(), endpoint = bench.hub.url) =>
  resolveReference(client, endpoint, parseReference(text, endpoint), { tries: 2, firstDelayMs: 1 });

describe('a listing', () => {
  it('has all files with their lengths and hashes, page after page', async () => {
    bench.hub.pageSize = 2;
    const { files } = await hub().list(repo);
    expect(files).toEqual(
      names.map((path) => {
        const bytes = bench.hub.files.get(path)!;
        return { path, bytes: bytes.length, sha256: sha256(bytes) };
      }),
    );
    expect(bench.hub.seen).toHaveLength(3);
  });

  it('has no hash of a file that is kept in git itself', async () => {
    bench.hub.sha256 = () => undefined;
    expect((await hub().list(repo)).files[0]!.sha256).toBeUndefined();
  });

  it('of a repository that is not there says what may be wrong', async () => {
    await expect(hub().list('some/thing')).rejects.toMatchObject({
      code: 'PULL_NOT_FOUND',
      message: expect.stringMatching(/some\/thing \(404\).*HF_TOKEN/),
    });
  });

  it('that goes on at another place is not followed there', async () => {
    bench.hub.pageSize = 1;
    bench.hub.nextOrigin = 'https://192.168.1.1';
    await expect(hub().list(repo)).rejects.toMatchObject({ code: 'PULL_FAILED' });
  });

  it('that is none is refused', async () => {
    bench.hub.sha256 = () => '../../not-a-hash';
    await expect(hub().list(repo)).rejects.toMatchObject({ code: 'PULL_FAILED' });
  });
});

describe('a reference is resolved', () => {
  it('to the file of a type, at the commit that was listed', async () => {
    await expect(resolve(`hf:${repo}:q8_0`)).rejects.toMatchObject({ code: 'USAGE' });
    bench.hub.files.delete(names[1]!);
    expect(await resolve(`hf:${repo}:q8_0`)).toMatchObject([
      {
        name: 'b-Q8_0-00001-of-00002.gguf',
        url: bench.hub.fileUrl('sub%20folder/b-Q8_0-00001-of-00002.gguf'),
      },
      { name: 'b-Q8_0-00002-of-00002.gguf', bytes: 103, sha256: sha256(bench.hub.files.get(names[3]!)!) },
    ]);
  });

  it('to all parts beside a URL, whatever its query', async () => {
    const parts = await resolve('https://x.test/d/m-00002-of-00003.gguf?key=1');
    expect(parts.map(({ name, url }) => [name, url.href])).toEqual(
      [1, 2, 3].map((i) => [`m-0000${i}-of-00003.gguf`, `https://x.test/d/m-0000${i}-of-00003.gguf?key=1`]),
    );
  });

  it.each([
    'https://x.test/',
    'https://x.test/model.bin',
    'https://x.test/a%2F..%2Fb%00.gguf',
    'https://x.test/..%5Cb.gguf',
  ])('not to the name that %s has', async (url) => {
    await expect(resolve(url)).rejects.toMatchObject({ code: 'PULL_REFUSED' });
  });

  it('to no file that is not named, and what there is cannot drive a terminal', async () => {
    bench.hub.files.set('\u001b[2J\u009b2Jx-Q8_0.gguf', fakeModel(10));
    const error = await resolve(`hf:${repo}:Q8_0`).catch((reason: Error) => reason);
    expect((error as Error).message).toMatch(/several of Q8_0.* \[2J 2Jx-Q8_0\.gguf {2}10 B/s);
    expect((error as Error).message.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  it('never to a name outside of the model folder', async () => {
    bench.hub.files.clear();
    bench.hub.files.set('x/..\\evil.gguf', fakeModel(10));
    await expect(resolve(`hf:${repo}`)).rejects.toMatchObject({ code: 'PULL_REFUSED' });
  });
});

describe('behind a proxy', () => {
  let proxy: Server;
  let tunnels: string[];
  let sockets: Duplex[];
  beforeEach(async () => {
    tunnels = [];
    sockets = [];
    proxy = createServer();
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url!);
      sockets.push(socket);
      const target = connect(Number(bench.hub.url.port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      for (const end of [socket, target]) end.on('error', () => socket.destroy());
    });
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    for (const name of ['http_proxy', 'HTTP_PROXY']) vi.stubEnv(name, url);
    for (const name of ['no_proxy', 'NO_PROXY']) vi.stubEnv(name, 'direct.test');
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => proxy.close(closed));
  });

  it('requests go through it, which looks names up', async () => {
    await resolve(`hf:${repo}:Q4_0`, bench.client(), new URL('http://hub.test'));
    expect(new Set(tunnels)).toEqual(new Set(['hub.test:80']));
    expect(bench.hub.seen.map(({ host }) => host)).toEqual(['hub.test', 'hub.test']);
  });

  it('but not to hosts that NO_PROXY names', async () => {
    const asked: string[] = [];
    const client = bench.client({
      lookup: (hostname, _, callback) => {
        asked.push(hostname);
        callback(null, [{ address: '127.0.0.1', family: 4 }]);
      },
    });
    await resolve(`hf:${repo}:Q4_0`, client, new URL(`http://direct.test:${bench.hub.url.port}`));
    expect(new Set(asked)).toEqual(new Set(['direct.test']));
    expect(tunnels).toEqual([]);
  });
});
