import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeChat } from '../../coordinator/chat/encode-chat.ts';
import { Engine } from '../../coordinator/engine.ts';
import { openModel, readTokenizer } from '../../coordinator/files/open-model.ts';
import { writeModel } from '../../coordinator/files/write-model.ts';
import { encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import { type FiringReport, firingReport } from '../../coordinator/sparsity/firing-report.ts';
import { measureFiring } from '../../coordinator/sparsity/measure-firing.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import { defaultSampling } from '../../runtime/sampling/params.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';

interface Question {
  readonly question: string;
  readonly expect: readonly string[];
}

/** A small model with a ReLU gate: `models/README.md` tells how it was made. */
const spark = fileURLToPath(new URL('fixtures/hearth-spark.gguf', import.meta.url));
const questions: readonly Question[] = JSON.parse(
  readFileSync(new URL('../builtin-model/questions.json', import.meta.url), 'utf8'),
);
const conversation = questions
  .map(({ question }) => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`)
  .join('');

/** Of the 60, none of which was trained on. */
const leastRight = 48;

let folder: string;
let sparse: string;
let report: FiringReport;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-spark-'));
  sparse = join(folder, 'sparse.gguf');
  const model = await openModel(spark);
  const profile = await measureFiring(
    model,
    kernelBytes,
    encodeChat(readTokenizer(model.gguf), conversation),
  );
  report = firingReport(profile);
  const inline = { width: 1, encode: async (job: Parameters<typeof encodeRows>[0]) => encodeRows(job) };
  await writeModel(sparse, sparsifyModel(model.gguf, model.config, profile, inline));
  await model.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Greedy answers to all questions, several at a time. */
async function answers(path: string, localRanks: number): Promise<string[]> {
  const engine = await Engine.start({
    model: await openModel(path),
    localRanks,
    kvFormat: 'f16',
    parallel: 6,
    contextLength: 256,
  });
  try {
    const { chat, tokenizer, scheduler } = engine;
    const ask = async ({ question }: Question): Promise<string> => {
      const messages = [{ role: 'user', content: question }];
      const prompt = encodeChat(tokenizer, await chat.render({ messages, addGenerationPrompt: true }));
      const sampling = { ...defaultSampling, temperature: 0 };
      let text = '';
      for await (const event of scheduler.submit({ prompt, sampling, stop: [], maxTokens: 100 }))
        text += event.text;
      return text;
    };
    return await Promise.all(questions.map(ask));
  } finally {
    await engine.close();
  }
}

const isRight = (answer: string, { expect: wanted }: Question) =>
  wanted.every((part) => new RegExp(part, 'i').test(answer));
const rightOnes = (all: readonly string[]) =>
  all.filter((answer, i) => isRight(answer, questions[i]!)).length;

describe('a trained model with a ReLU gate', { timeout: 120_000 }, () => {
  test('is at least 80 % sparse in each layer, and some neurons fire far more than others', () => {
    for (const layer of report.layers) expect(layer.sparsity).toBeGreaterThan(0.8);
    expect(report.hot).toBeLessThan(0.5);
  });

  test('answers most of 60 questions rightly, sparsified as well', async () => {
    const [before, after] = [rightOnes(await answers(spark, 1)), rightOnes(await answers(sparse, 1))];
    expect(before).toBeGreaterThanOrEqual(leastRight);
    expect(after).toBeGreaterThanOrEqual(leastRight);
  });

  test('answers alike from two ranks', async () => {
    expect(await answers(sparse, 2)).toEqual(await answers(sparse, 1));
  });

  test('has the same bits with nothing skipped', async () => {
    const model = await openModel(sparse);
    const tokens = encodeChat(readTokenizer(model.gguf), conversation).slice(0, 200);
    const logits = async (ffn: FfnOptions, run: number): Promise<Float32Array[]> => {
      const options: RankOptions = {
        kvFormat: 'f16',
        maxStepTokens: 64,
        maxSequences: 1,
        contextLength: 256,
        kvPages: 4,
        ffn,
      };
      const runner = await createSoloRunner(model, kernelBytes, options);
      const rows: Float32Array[] = [];
      for (let start = 0; start < tokens.length; start += run) {
        const piece = tokens.slice(start, start + run);
        rows.push(
          ...(await runner.step([{ slot: 0, start, count: piece.length, logits: 'all', tokens: piece }])),
        );
      }
      return rows;
    };
    const expected = await logits({ everyNeuron: true }, 50);
    expect(await logits({}, 1)).toEqual(expected);
    expect(await logits({}, 64)).toEqual(expected);
    await model.close();
  });
});
