import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeChat } from '../../coordinator/chat/encode-chat.ts';
import { Engine } from '../../coordinator/engine.ts';
import { openModel } from '../../coordinator/files/open-model.ts';
import { defaultSampling } from '../../runtime/sampling/params.ts';

interface Question {
  readonly question: string;
  /** Regular expressions that the right answer matches, and no answer to another question does. */
  readonly expect: readonly string[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const questions: readonly Question[] = read('questions.json');
/** Made by record-llama-cpp.mjs. */
const llamaCpp: readonly { question: string; answer: string }[] = read('llama-cpp-greedy.json');
let engine: Engine;

beforeAll(async () => {
  engine = await Engine.start({
    model: await openModel('built-in'),
    localRanks: 1,
    kvFormat: 'f16',
    parallel: 4,
  });
});
afterAll(() => engine.close());

async function ask(question: string): Promise<string> {
  const { chat, tokenizer, scheduler } = engine;
  const messages = [{ role: 'user', content: question }];
  const prompt = encodeChat(tokenizer, await chat.render({ messages, addGenerationPrompt: true }));
  const sampling = { ...defaultSampling, temperature: 0 };
  let text = '';
  for await (const event of scheduler.submit({ prompt, sampling, stop: [], maxTokens: 120 }))
    text += event.text;
  return text;
}

const isRight = (answer: string, { expect: wanted }: Question) =>
  wanted.every((part) => new RegExp(part, 'i').test(answer));

test('at least 80 % of 60 questions, worded as in no training text, get the right answer', {
  timeout: 120_000,
}, async () => {
  expect(new Set(questions.map(({ question }) => question)).size).toBe(60);
  const answers = await Promise.all(
    questions.map(async (each) => ({ ...each, answer: await ask(each.question) })),
  );
  const wrong = answers.filter((each) => !isRight(each.answer, each));
  const share = 1 - wrong.length / answers.length;
  expect(
    share,
    wrong.map(({ question, answer }) => `${question} → ${answer}`).join('\n'),
  ).toBeGreaterThanOrEqual(0.8);
  // The patterns tell answers apart: another question's answer is rarely right.
  const shifted = answers.filter(({ answer }, i) => isRight(answer, questions[(i + 1) % questions.length]!));
  expect(shifted.length).toBeLessThan(12);
});

test('llama.cpp answers all of them with the same text', { timeout: 120_000 }, async () => {
  expect(llamaCpp.map(({ question }) => question)).toEqual(questions.map(({ question }) => question));
  const answers = await Promise.all(llamaCpp.map(({ question }) => ask(question)));
  expect(answers).toEqual(llamaCpp.map(({ answer }) => answer));
});
