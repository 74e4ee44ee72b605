import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chunkBytes } from './chunk-bytes.ts';
import type { Misbehave } from './fake-hub.ts';
import { fakeModel, PullBench } from './fixtures.ts';

const bench = new PullBench();
const model = fakeModel(10 * chunkBytes + 123);
beforeEach(() => void bench.hub.files.set('model.gguf', model));
afterEach(() => vi.restoreAllMocks());

/** Misbehaves at some requests, counted from 1 with the one for the first bytes. */
function at(counts: readonly number[], how: Misbehave): Misbehave {
  return (request, response) => counts.includes(request.count) && how(request, response);
}

/** A part of what is asked for, then the connection breaks. */
const breakOff: Misbehave = ({ range, bytes }, response) => {
  const { start, end } = range!;
  response.writeHead(206, {
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  });
  bench.hub.servedBytes += 4000;
  response.write(bytes.subarray(start, start + 4000), () => response.destroy());
  return true;
};

function status(code: number, headers: Record<string, string> = {}): Misbehave {
  return (_, response) => {
    response.writeHead(code, headers).end('trouble');
    return true;
  };
}

describe('pulling a file', () => {
  it('fetches it whole, in ranges, checks its hash and leaves nothing beside it', async () => {
    const progress: number[] = [];
    const pulled = await bench.pull({
      onProgress: (doing, done, total) => doing === 'pulling' && progress.push(done / total),
    });
    expect(bench.result!.equals(model)).toBe(true);
    expect(bench.listing).toEqual(['model.gguf']);
    expect(pulled).toEqual({
      files: [join(bench.folder, 'model.gguf')],
      bytes: model.length,
      fetchedBytes: model.length,
      verified: true,
    });
    expect(bench.hub.servedBytes).toBe(model.length + 4);
    expect(bench.hub.seen).toHaveLength(12);
    expect(progress.at(-1)).toBe(1);
    expect(bench.notes).toEqual([]);
  });

  it('fetches nothing that is there already', async () => {
    await bench.pull();
    bench.hub.servedBytes = 0;
    expect(await bench.pull()).toMatchObject({ fetchedBytes: 0 });
    expect(bench.hub.servedBytes).toBe(4);
    expect(bench.notes).toEqual([expect.stringMatching(/is there already$/)]);
  });

  it('does not write over another file', async () => {
    await bench.pull();
    bench.hub.files.set('model.gguf', fakeModel(model.length, 2));
    await expect(bench.pull()).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/hearth rm/),
    });
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('needs no hash, and says that it had none', async () => {
    expect(await bench.pull({}, false)).toMatchObject({ verified: false });
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('refuses what is no model before it fetches it', async () => {
    bench.hub.files.set('model.gguf', Buffer.from('<html>Sign in first</html>'));
    await expect(bench.pull()).rejects.toMatchObject({ code: 'GGUF_NOT_GGUF' });
    expect(bench.listing).toEqual([]);
  });
});

describe('a server in trouble', () => {
  it.each<[string, Misbehave]>([
    ['connections that break', breakOff],
    ['status 503', status(503)],
    ['status 429 with a time to wait', status(429, { 'retry-after': '0' })],
    ['no answer', (_, response) => response.destroy() === response],
  ])('is tried again: %s', async (_, how) => {
    bench.hub.misbehave = at(how === breakOff ? [3, 4, 7] : [1, 3, 4, 7], how);
    await bench.pull();
    expect(bench.result!.equals(model)).toBe(true);
    // What had come of a broken chunk was not fetched twice.
    expect(bench.hub.servedBytes).toBe(model.length + 4);
  });

  it('is waited for as long as it asks', async () => {
    bench.hub.misbehave = at([2], status(429, { 'retry-after': '1' }));
    const startMs = performance.now();
    await bench.pull({ connections: 1 });
    expect(performance.now() - startMs).toBeGreaterThan(950);
  });

  it('is not waited for an hour', async () => {
    bench.hub.misbehave = at([2], status(429, { 'retry-after': '3600' }));
    await expect(bench.pull()).rejects.toMatchObject({
      code: 'PULL_FAILED',
      message: expect.stringMatching(/429/),
    });
  });

  it.each([
    [404, 'PULL_NOT_FOUND', /404 for \//],
    [403, 'PULL_NOT_FOUND', /403 .*HF_TOKEN/],
    [418, 'PULL_FAILED', /418/],
  ])('is asked once where that is enough: %i', async (code, expected, message) => {
    bench.hub.misbehave = status(code);
    await expect(bench.pull()).rejects.toMatchObject({
      code: expected,
      message: expect.stringMatching(message),
    });
    expect(bench.hub.seen).toHaveLength(1);
  });

  it('is given up after some tries, and gone on with by the next pull', async () => {
    bench.hub.misbehave = ({ count, ...request }, response) =>
      count > 5 && status(500)({ count, ...request }, response);
    await expect(bench.pull({ connections: 1 })).rejects.toMatchObject({
      code: 'PULL_FAILED',
      message: expect.stringMatching(/model\.gguf: .*500; the same command goes on/),
    });
    expect(bench.listing).toEqual(['model.gguf.part', 'model.gguf.part.journal']);
    bench.hub.misbehave = () => false;
    const pulled = await bench.pull();
    expect(pulled.fetchedBytes).toBe(model.length - 4 * chunkBytes);
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('is noticed when it stalls', async () => {
    bench.hub.misbehave = at([3], ({ range, bytes }, response) => {
      const { start, end } = range!;
      response.writeHead(206, {
        'content-length': end - start,
        'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
      });
      response.write(bytes.subarray(start, start + 10));
      return true;
    });
    await bench.pull({}, true, bench.client({ stallMs: 200 }));
    expect(bench.result!.equals(model)).toBe(true);
  });
});

describe('a server that lies', () => {
  /** Announces another range than was asked for, and sends as many bytes from there, or some more or fewer. */
  const lie =
    (change: { start?: number; end?: number; send?: number }): Misbehave =>
    ({ range, bytes }, response) => {
      const first = range!.start + (change.start ?? 0);
      const last = range!.end - 1 + (change.end ?? 0);
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
      response.end(bytes.subarray(first, first + range!.end - range!.start + (change.send ?? 0)));
      return true;
    };
  const wrongAndShort: Misbehave = ({ range, bytes }, response) => {
    const { start, end } = range!;
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` });
    response.end(Buffer.alloc(end - start - 1));
    return true;
  };

  it.each<[string, Misbehave]>([
    ['too few bytes', lie({ send: -1 })],
    ['too many bytes', lie({ send: 5 })],
    ['wrong bytes, and too few', wrongAndShort],
    ['another range', lie({ start: 1, end: 1 })],
    ['a range that begins later', lie({ start: 1 })],
    ['a range that ends later', lie({ end: 1 })],
    [
      'the whole file instead of a range',
      ({ bytes }, response) => response.writeHead(200).end(bytes) === response,
    ],
    [
      'a length other than the range',
      ({ range, bytes }, response) => {
        const { start, end } = range!;
        const headers = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}`, 'content-length': 7 };
        response.writeHead(206, headers).end(bytes.subarray(0, 7));
        return true;
      },
    ],
  ])('does not get a wrong file in: %s', async (_, how) => {
    bench.hub.misbehave = at([3, 5], how);
    await bench.pull({}, false);
    expect(bench.result!.equals(model)).toBe(true);
  });

  it.each<[string, Misbehave]>([
    ['too few bytes', lie({ send: -1 })],
    ['too many bytes', lie({ send: 5 })],
    ['another range', lie({ start: 1, end: 1 })],
  ])('is given up: %s', async (_, how) => {
    bench.hub.misbehave = (request, response) => request.range!.start > 0 && how(request, response);
    await expect(bench.pull()).rejects.toMatchObject({ code: 'PULL_FAILED' });
    expect(bench.result).toBeUndefined();
  });

  it('is found out by the hash, and nothing of it is kept', async () => {
    bench.hub.misbehave = at([4], ({ range, bytes }, response) => {
      const { start, end } = range!;
      const wrong = Buffer.from(bytes.subarray(start, end));
      wrong[17]! ^= 1;
      response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }).end(wrong);
      return true;
    });
    await expect(bench.pull()).rejects.toMatchObject({
      code: 'PULL_CORRUPT',
      message: expect.stringMatching(/it was removed; pull it again/),
    });
    expect(bench.listing).toEqual([]);
    expect(await bench.pull()).toMatchObject({ fetchedBytes: model.length });
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('is left when the file changes under way, and the next pull starts anew', async () => {
    bench.hub.misbehave = ({ count }, response) => {
      if (count > 4) response.setHeader('etag', '"version-2"');
      return false;
    };
    await expect(bench.pull({ connections: 1 }, false)).rejects.toMatchObject({ code: 'PULL_CHANGED' });
    expect(bench.listing).toContain('model.gguf.part');
    const pulled = await bench.pull({}, false);
    expect(bench.notes).toEqual([expect.stringMatching(/starting .* anew: its ETag is another/)]);
    expect(pulled.fetchedBytes).toBe(model.length);
  });
});

it('may tell another ETag each time where the hash of the file is known', async () => {
  bench.hub.misbehave = ({ count }, response) => {
    response.setHeader('etag', `"${count}"`);
    return false;
  };
  await bench.pull();
  expect(bench.result!.equals(model)).toBe(true);
});

describe('a server without ranges', () => {
  beforeEach(() => {
    bench.hub.misbehave = ({ bytes }, response) => {
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      return true;
    };
  });

  it('sends the file in one piece, of which the user is told', async () => {
    await bench.pull();
    expect(bench.result!.equals(model)).toBe(true);
    expect(bench.notes).toEqual([expect.stringMatching(/cannot be resumed/)]);
  });

  it('that breaks off sends it again from its beginning', async () => {
    const honest = bench.hub.misbehave;
    bench.hub.misbehave = (request, response) => {
      if (request.count !== 2) return honest(request, response);
      response.writeHead(200, { 'content-length': model.length });
      response.write(model.subarray(0, 50_000), () => response.destroy());
      return true;
    };
    await bench.pull({ tries: 2 });
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('and without a length is refused', async () => {
    bench.hub.misbehave = ({ bytes }, response) => {
      response.writeHead(200);
      response.write(bytes);
      response.end();
      return true;
    };
    await expect(bench.pull()).rejects.toMatchObject({
      code: 'PULL_FAILED',
      message: expect.stringMatching(/how long/),
    });
  });
});

describe('a disk', () => {
  it('that is too small is told of before anything is fetched', async () => {
    const freeBytes = async () => model.length - 1;
    await expect(bench.pull({ freeBytes })).rejects.toMatchObject({
      code: 'FILE_WRITE_FAILED',
      message: expect.stringMatching(/needs 100\.1 kB, and 100\.1 kB are free/),
      fields: { byteLength: model.length, free: model.length - 1 },
    });
    expect(bench.hub.servedBytes).toBe(4);
  });

  it('that fills up meanwhile is a clear error, and what is there stays', async () => {
    const handle = await open(join(bench.folder, 'probe'), 'w');
    await handle.close();
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    const { write } = prototype;
    let writes = 0;
    vi.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...args) {
      writes += 1;
      if (writes > 5) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      return Reflect.apply(write, this, args);
    });
    await expect(bench.pull()).rejects.toMatchObject({
      code: 'FILE_WRITE_FAILED',
      message: expect.stringMatching(/cannot write .*model\.gguf\.part: ENOSPC, its disk is full/),
    });
    vi.restoreAllMocks();
    expect(bench.listing).toContain('model.gguf.part');
    await bench.pull();
    expect(bench.result!.equals(model)).toBe(true);
  });
});
