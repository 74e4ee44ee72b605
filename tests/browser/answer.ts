import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { answerVocabulary } from '../../runtime/generation/answer-vocabulary.ts';
import { generate } from '../../runtime/generation/generate.ts';
import type { StepRunner } from '../../runtime/generation/step-runner.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { type KernelBytes, loadKernels } from '../../runtime/kernels/kernels.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { defaultSampling } from '../../runtime/sampling/params.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { readVocabulary } from '../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { memorySource } from '../support/memory-source.ts';

export interface Answered {
  readonly text: string;
  readonly tokens: readonly number[];
  /** SHA-256 of all logits that chose the tokens: one different bit shows. */
  readonly logitsDigest: string;
}

/** Answers one prompt with nothing but the runtime: the same function in Node and in a page. */
export async function answer(model: Uint8Array, kernels: KernelBytes, prompt: string): Promise<Answered> {
  const gguf = await openGguf(memorySource(model));
  const tokenizer = new Tokenizer(readVocabulary(gguf.metadata));
  const digest = sha256.create();
  const runner = digesting(
    await createSoloRunner(new ModelFile(gguf), kernels, {
      kvFormat: 'f16',
      maxStepTokens: 16,
      maxSequences: 1,
      contextLength: 192,
      kvPages: 3,
    }),
    (row) => digest.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength)),
  );
  const { exp, log } = loadKernels(kernels);
  const request = {
    prompt: tokenizer.encode(prompt, { addBos: true, parseSpecial: true }),
    sampling: { ...defaultSampling, temperature: 0.7, seed: 11 },
    stop: [],
    maxTokens: 48,
  };
  const tokens: number[] = [];
  let text = '';
  const vocabulary = answerVocabulary(tokenizer);
  for await (const event of generate(runner, request, { vocabulary, math: { exp, log } })) {
    tokens.push(event.token);
    text += event.text;
  }
  return { text, tokens, logitsDigest: bytesToHex(digest.digest()) };
}

function digesting(runner: StepRunner, see: (row: Float32Array) => void): StepRunner {
  return {
    limits: runner.limits,
    vocabSize: runner.vocabSize,
    release: (slot) => runner.release(slot),
    async step(sequences) {
      const rows = await runner.step(sequences);
      for (const row of rows) see(row);
      return rows;
    },
  };
}
