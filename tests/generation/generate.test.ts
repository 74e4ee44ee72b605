import { describe, expect, it } from 'vitest';
import { type GenerateOptions, generate } from '../../runtime/generation/generate.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import { hostMath } from '../sampling/fixtures.ts';
import { bytesOf, byteVocabSize, byteVocabulary, FakeRunner, saying } from './fixtures.ts';

const options: GenerateOptions = { vocabulary: byteVocabulary, math: hostMath };

function request(prompt: string, overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  const sampling = samplingParams({ temperature: 0.9, seed: 4 }, byteVocabSize);
  return { prompt: bytesOf(prompt), sampling, stop: [], ...overrides };
}

async function textOf(runner: FakeRunner, wanted: GenerationRequest): Promise<string> {
  let text = '';
  for await (const event of generate(runner, wanted, options)) text += event.text;
  return text;
}

describe('generate', () => {
  it('feeds the prompt in chunks, asks for logits once, then goes token by token', async () => {
    const prompt = 'a prompt that is long';
    const runner = new FakeRunner({ maxStepTokens: 8, model: saying('ok', prompt.length) });
    expect(await textOf(runner, request(prompt))).toBe('ok');
    const shapes = runner.steps.map(([only]) => [only!.start, only!.count, only!.logits]);
    expect(shapes).toEqual([
      [0, 8, 'none'],
      [8, 8, 'none'],
      [16, 5, 'last'],
      [21, 1, 'last'],
      [22, 1, 'last'],
    ]);
    expect(runner.pagesUsed).toBe(0);
  });

  it('gives the same text whatever the chunks', async () => {
    const texts = await Promise.all(
      [1, 3, 16, 64].map((maxStepTokens) =>
        textOf(new FakeRunner({ maxStepTokens }), request('hello there', { maxTokens: 20 })),
      ),
    );
    expect(texts[0]).toHaveLength(20);
    expect(new Set(texts).size).toBe(1);
  });

  it('fills a small KV cache to its end', async () => {
    const runner = new FakeRunner({ kvPages: 1 });
    expect(await textOf(runner, request('x'.repeat(60)))).toHaveLength(4);
  });

  it('stops when cancelled and frees the cache', async () => {
    const cancel = new AbortController();
    const runner = new FakeRunner();
    const answer = generate(runner, request('hello'), { ...options, signal: cancel.signal });
    await answer.next();
    cancel.abort();
    await expect(answer.next()).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
    expect(runner.pagesUsed).toBe(0);
    expect(runner.steps).toHaveLength(1);
  });
});
