import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PartFile } from '../../coordinator/pull/part-file.ts';
import { pull } from '../../coordinator/pull/pull.ts';
import { chunkBytes } from './chunk-bytes.ts';
import { fakeModel, PullBench } from './fixtures.ts';

const bench = new PullBench();
const model = fakeModel(10 * chunkBytes + 123);
beforeEach(() => void bench.hub.files.set('model.gguf', model));

describe('what is there of a file', () => {
  /** Pulls the first four chunks. */
  async function pullSome(): Promise<void> {
    const stop = new AbortController();
    bench.hub.misbehave = ({ count }) => {
      if (count === 6) stop.abort();
      return count >= 6;
    };
    await expect(bench.pull({ connections: 1, signal: stop.signal })).rejects.toMatchObject({
      code: 'REQUEST_CANCELLED',
    });
    bench.hub.misbehave = () => false;
    bench.hub.servedBytes = 0;
  }

  it('is gone on with after an interruption', async () => {
    await pullSome();
    expect(await bench.pull()).toMatchObject({ fetchedBytes: model.length - 4 * chunkBytes });
    expect(bench.hub.servedBytes).toBe(model.length - 4 * chunkBytes + 4);
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('counts only where the disk has what the journal says', async () => {
    await pullSome();
    const part = await open(join(bench.folder, 'model.gguf.part'), 'r+');
    await part.write(Buffer.from([model[chunkBytes + 5]! ^ 1]), 0, 1, chunkBytes + 5);
    await part.close();
    expect(await bench.pull()).toMatchObject({ fetchedBytes: model.length - 3 * chunkBytes });
    expect(bench.notes).toEqual([expect.stringMatching(/^1 of 4 chunks on the disk are damaged/)]);
    expect(bench.result!.equals(model)).toBe(true);
  });

  it('is left where the source is another now', async () => {
    await pullSome();
    const other = fakeModel(model.length, 2);
    bench.hub.files.set('model.gguf', other);
    expect(await bench.pull()).toMatchObject({ fetchedBytes: model.length });
    expect(bench.notes).toEqual([expect.stringMatching(/anew: its SHA-256 is another/)]);
    expect(bench.result!.equals(other)).toBe(true);
  });

  it('is not touched by two at once', async () => {
    const [first, second] = await Promise.allSettled([bench.pull(), bench.pull()]);
    const outcomes = [first, second].map(({ status }) => status).sort();
    expect(outcomes).toEqual(['fulfilled', 'rejected']);
    const refused = [first, second].find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: 'PULL_BUSY', fields: { holder: process.pid } });
    expect(bench.result!.equals(model)).toBe(true);
    expect(bench.listing).toEqual(['model.gguf']);
  });
});

it('puts the parts of a split model in place together, the first last', async () => {
  const names = ['big-00001-of-00002.gguf', 'big-00002-of-00002.gguf'];
  for (const [i, name] of names.entries()) bench.hub.files.set(name, fakeModel(30_000, i));
  const wanted = names.map((name) => ({ name, url: bench.hub.fileUrl(name) }));
  bench.hub.misbehave = ({ path, range }, response) => {
    if (path !== names[1] || range!.start === 0) return false;
    response.writeHead(500).end();
    return true;
  };
  await expect(pull(bench.client(), wanted, bench.options())).rejects.toMatchObject({ code: 'PULL_FAILED' });
  expect(bench.listing).toEqual(names.flatMap((name) => [`${name}.part`, `${name}.part.journal`]));
  bench.hub.misbehave = () => false;
  const finish = vi.spyOn(PartFile.prototype, 'finish');
  expect(await pull(bench.client(), wanted, bench.options())).toMatchObject({
    bytes: 60_000,
    fetchedBytes: 20_000,
  });
  const order = finish.mock.contexts.map((part) => (part as PartFile).identity.url);
  expect(order).toEqual(wanted.map(({ url }) => url.href).reverse());
  finish.mockRestore();
  expect(bench.listing).toEqual(names);
});
