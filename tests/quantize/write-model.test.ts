import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ModelContents, writeModel } from '../../coordinator/files/write-model.ts';
import { ggufByteLength } from '../../runtime/gguf/file-size.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import { memorySource } from '../support/memory-source.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-write-'));
  path = join(folder, 'model.gguf');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Three tensors of 100 bytes; before each, `onRead` is told which. */
function contents(onRead: (index: number) => void = () => {}): ModelContents {
  const tensor = (index: number): TensorSource => ({
    name: `tensor${index}`,
    type: 'F32',
    shape: [25],
    *read() {
      onRead(index);
      yield new Uint8Array(40).fill(index + 1);
      yield new Uint8Array(60).fill(index + 2);
    },
  });
  return {
    metadata: new Map([['general.architecture', { type: 'string', value: 'llama' }]]),
    tensors: [0, 1, 2].map(tensor),
  };
}

it('writes a file of the length that it said, and tells how far it is', async () => {
  const progress: number[] = [];
  const { metadata, tensors } = contents();
  const byteLength = await writeModel(path, contents(), {
    onProgress: (written, total) => progress.push(written / total),
  });
  const bytes = readFileSync(path);
  expect(bytes.length).toBe(byteLength);
  expect(byteLength).toBe(ggufByteLength(metadata, tensors));
  expect(readdirSync(folder)).toEqual(['model.gguf']);
  expect(progress.at(-1)).toBe(1);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  const file = await openGguf(memorySource(bytes));
  expect(new Set(await file.readTensor('tensor2'))).toEqual(new Set([3, 4]));
});

it('writes over a file only where that is asked for', async () => {
  writeFileSync(path, 'precious');
  await expect(writeModel(path, contents())).rejects.toMatchObject({ code: 'USAGE' });
  expect(readFileSync(path, 'utf8')).toBe('precious');
  await writeModel(path, contents(), { force: true });
  expect(readFileSync(path, 'latin1').slice(0, 4)).toBe('GGUF');
});

it('begins nothing where the disk has no room', async () => {
  const asked: string[] = [];
  const read: number[] = [];
  const needed = ggufByteLength(contents().metadata, contents().tensors);
  const freeBytes = (free: number) => async (of: string) => {
    asked.push(of);
    return free;
  };
  const full = writeModel(
    path,
    contents((index) => read.push(index)),
    { freeBytes: freeBytes(needed - 1) },
  );
  await expect(full).rejects.toMatchObject({
    code: 'FILE_WRITE_FAILED',
    fields: { byteLength: needed, free: needed - 1 },
  });
  expect(asked).toEqual([folder]);
  expect(read).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  await writeModel(path, contents(), { freeBytes: freeBytes(needed) });
});

it('leaves nothing when it is interrupted', async () => {
  const stop = new AbortController();
  let seen: string[] = [];
  const interrupted = contents((index) => {
    if (index === 1) stop.abort();
    seen = readdirSync(folder);
  });
  await expect(writeModel(path, interrupted, { signal: stop.signal })).rejects.toMatchObject({
    code: 'REQUEST_CANCELLED',
  });
  expect(seen).toEqual(['model.gguf.part']);
  expect(readdirSync(folder)).toEqual([]);
});

it('leaves what was there when a tensor cannot be read', async () => {
  writeFileSync(path, 'precious');
  const broken = contents((index) => {
    if (index === 2) throw new Error('the disk is gone');
  });
  await expect(writeModel(path, broken, { force: true })).rejects.toThrow('the disk is gone');
  expect(readdirSync(folder)).toEqual(['model.gguf']);
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

it('says which path cannot be written', async () => {
  const nowhere = join(folder, 'missing', 'model.gguf');
  await expect(writeModel(nowhere, contents())).rejects.toMatchObject({
    code: 'FILE_WRITE_FAILED',
    message: `cannot write ${nowhere}: ENOENT`,
  });
});
