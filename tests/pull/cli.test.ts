import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtInPath } from '../../coordinator/files/model-folder.ts';
import { type Finished, HearthProcess } from '../support/hearth-process.ts';
import { repo, sha256 } from './fake-hub.ts';
import { fakeModel, PullBench } from './fixtures.ts';

const bench = new PullBench();
const model = readFileSync(builtInPath());
/** Of the built-in model: behind it lies what takes its space. */
const headerBytes = 200_000;

function start(...args: readonly string[]): HearthProcess {
  return new HearthProcess(args, {
    HEARTH_MODELS: bench.folder,
    HF_ENDPOINT: bench.hub.url.href,
    HF_TOKEN: 'hf_token',
  });
}

function hearth(...args: readonly string[]): Promise<Finished> {
  return start(...args).finished();
}

describe('hearth pull', () => {
  it('fetches a model from the hub that then answers by its name', async () => {
    bench.hub.files.set('ember-Q8_0.gguf', model);
    bench.hub.files.set('mmproj-ember.gguf', fakeModel(100));
    const pulled = await hearth('pull', `hf:${repo}`, '--json');
    expect(pulled.code, pulled.stderr).toBe(0);
    expect(JSON.parse(pulled.stdout)).toEqual({
      name: 'ember-Q8_0',
      files: [join(bench.folder, 'ember-Q8_0.gguf')],
      bytes: model.length,
      fetchedBytes: model.length,
      verified: true,
      seconds: expect.any(Number),
    });
    expect(pulled.stderr).toMatch(/^pulling ember-Q8_0\.gguf 100%/m);
    expect(pulled.stderr).toMatch(/^checking 100%$/m);
    expect(bench.hub.seen.every(({ authorization }) => authorization === 'Bearer hf_token')).toBe(true);
    const answer = await hearth('run', 'ember-Q8_0', 'What is Hearth?', '--max-tokens', '4');
    expect(answer.code, answer.stderr).toBe(0);

    const again = await hearth('pull', `hf:${repo}:q8_0`);
    expect(again.stdout).toMatch(
      /^ember-Q8_0: 4\.0 MB in .*, checked by its SHA-256\n\nhearth run ember-Q8_0 "…"\n$/,
    );
    expect(again.stderr).toMatch(/note: .*is there already/);
  });

  it('ends with 130 when it is interrupted, is listed in part, and goes on', async () => {
    bench.hub.files.set('slow.gguf', model);
    bench.hub.misbehave = ({ count, range }, response) => {
      if (count === 1) return false;
      response.writeHead(206, { 'content-range': `bytes ${range!.start}-${range!.end - 1}/${model.length}` });
      response.write(model.subarray(0, 1000));
      return true;
    };
    const child = start('pull', `hf:${repo}`);
    await expect.poll(() => bench.hub.seen.length).toBeGreaterThanOrEqual(4);
    const { code, stderr } = await child.kill('SIGINT');
    expect(stderr).toMatch(/interrupted; the same command goes on/);
    expect(code).toBe(130);

    const listed = await hearth('list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { name: 'built-in' },
      { name: 'slow', bytes: model.length, doneBytes: 0, path: join(bench.folder, 'slow.gguf') },
    ]);
    expect((await hearth('list')).stdout).toMatch(/^slow +4\.0 MB +pulled to 0%/m);
    bench.hub.misbehave = () => false;
    expect((await hearth('pull', `hf:${repo}`)).code).toBe(0);
    expect(bench.listing).toEqual(['slow.gguf']);
  });

  it('keeps what cannot run, and says so', async () => {
    bench.hub.files.set('odd.gguf', fakeModel(1000));
    const { code, stderr } = await hearth('pull', `hf:${repo}`);
    expect(stderr).toMatch(/odd was pulled and kept, but cannot run: .*hearth rm odd/);
    expect(code).toBe(4);
    expect(bench.listing).toEqual(['odd.gguf']);
  });

  it('takes a hash from the user where the hub has none', async () => {
    bench.hub.files.set('ember.gguf', model);
    bench.hub.sha256 = () => undefined;
    const wrong = await hearth('pull', `hf:${repo}`, '--sha256', '0'.repeat(64));
    expect(wrong.stderr).toMatch(/PULL_CORRUPT/);
    expect(wrong.code).toBe(5);
    expect(bench.listing).toEqual([]);
    const right = await hearth('pull', `hf:${repo}`, '--sha256', sha256(model).toUpperCase(), '--json');
    expect(JSON.parse(right.stdout)).toMatchObject({ verified: true });
  });
});

it('wrong sources and names end with codes of their own', async () => {
  const cases = [
    [['pull', 'http://127.0.0.1:1/x.gguf'], 2, /use https/],
    [['pull', 'hf:nobody/nothing'], 5, /PULL_NOT_FOUND/],
    [['rm', 'built-in', '--yes'], 2, /stays/],
    [['rm', '../x', '--yes'], 2, /no name/],
    [['rm', 'absent', '--yes'], 3, /FILE_NOT_FOUND/],
  ] as const;
  const finished = await Promise.all(cases.map(([args]) => hearth(...args)));
  for (const [i, [, code, message]] of cases.entries()) {
    expect(finished[i]!.stderr).toMatch(message);
    expect(finished[i]!.code).toBe(code);
  }
});

describe('hearth show and rm', () => {
  it('show says what a model is', async () => {
    writeFileSync(join(bench.folder, 'ember.gguf'), model);
    const { stdout } = await hearth('show', 'ember', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'ember',
      architecture: 'llama',
      contextLength: 1024,
      chatTemplate: true,
      runs: true,
      bytes: model.length,
      files: [join(bench.folder, 'ember.gguf')],
      types: { Q8_0: expect.any(Number), F32: expect.any(Number) },
    });
    expect(JSON.parse(stdout).parameters).toBeGreaterThan(3e6);
    expect((await hearth('show', 'ember')).stdout).toMatch(/^parameters +3\.67 M$/m);
  });

  it('rm removes all parts, whole and in part, of one model and of no other, and asks before', async () => {
    const mine = [
      'big-00001-of-00002.gguf',
      'big-00002-of-00002.gguf.part',
      'big-00002-of-00002.gguf.part.journal',
    ];
    const others = ['big.gguf', 'bigger-00001-of-00002.gguf'];
    for (const name of [...mine, ...others]) writeFileSync(join(bench.folder, name), 'x');
    const unasked = await start('rm', 'big-00001-of-00002').input('y\n').finished();
    expect(unasked.stderr).toMatch(/add --yes/);
    expect(unasked.code).toBe(2);
    expect(bench.listing).toEqual([...mine, ...others].sort());
    const { code, stdout } = await hearth('rm', 'big-00001-of-00002', '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).removed).toEqual(mine.map((name) => join(bench.folder, name)));
    expect(bench.listing).toEqual(others);
  });

  it('rm leaves a model that is being pulled', async () => {
    writeFileSync(join(bench.folder, 'busy.gguf.part'), 'x');
    writeFileSync(join(bench.folder, 'busy.gguf.lock'), String(process.pid));
    const { stderr } = await hearth('rm', 'busy', '--yes');
    expect(stderr).toMatch(/PULL_BUSY/);
    expect(bench.listing).toEqual(['busy.gguf.lock', 'busy.gguf.part']);
  });
});

describe('hearth inspect', () => {
  it('reads of a remote model its header alone, and says whether it fits here', async () => {
    const far = Buffer.concat([model, Buffer.alloc(8_000_000)]);
    bench.hub.files.set('far.gguf', far);
    const { code, stdout, stderr } = await hearth('inspect', `hf:${repo}/far.gguf`, '--json');
    expect(code, stderr).toBe(0);
    const { name, fit, config } = JSON.parse(stdout);
    expect(name).toBe('far.gguf');
    expect(config).toMatchObject({ architecture: 'llama' });
    expect(fit.disk).toEqual({ neededBytes: far.length, freeBytes: expect.any(Number) });
    expect(fit.memory).toMatchObject({ contextLength: 1024, streamedBytes: 0 });
    expect(fit.speed.tokensPerSecond).toBeGreaterThan(1);
    expect(bench.hub.servedBytes).toBeLessThan(headerBytes);
    expect(bench.listing).toEqual([]);
  });
});
