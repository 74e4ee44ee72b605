import { expect, it } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import type { VocabularyDescription } from '../../runtime/tokenizer/vocabulary.ts';
import { Random } from '../support/random.ts';
import { smallBpe, smallSpm } from './small-vocabularies.ts';

const PRES = ['gpt-2', 'llama-bpe', 'qwen2', 'deepseek-llm', 'falcon', '', 'nonsense', '__proto__'];
const PARTS = [
  'a',
  'b',
  ' ',
  '▁',
  'Ġ',
  'he',
  '<|im_end|>',
  '<s>',
  '<0x41>',
  '<0xZZ>',
  '\n',
  'é',
  '漢',
  '😀',
  '\ud800',
  '\0',
  '',
];

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)]!;

function randomText(random: Random, maxParts: number): string {
  return Array.from({ length: random.integer(maxParts) }, () =>
    random.unit() < 0.8 ? oneOf(random, PARTS) : String.fromCharCode(random.integer(0x10000)),
  ).join('');
}

function randomId(random: Random, size: number): number | undefined {
  return oneOf(random, [undefined, random.integer(size), size, -1, 0.5, Number.NaN]);
}

/** From sound to absurd: each part of a sound vocabulary may be replaced by a random one. */
function randomDescription(random: Random): VocabularyDescription {
  const sound = random.unit() < 0.5 ? smallBpe({ pre: oneOf(random, PRES) }) : smallSpm();
  const changed = (): boolean => random.unit() < 0.15;
  const tokens = changed()
    ? [...new Set(Array.from({ length: random.integer(60) }, () => randomText(random, 4)))]
    : sound.tokens.map((text, id) => (random.unit() < 0.001 ? `${randomText(random, 3)}${id}` : text));
  const numbers = (below: number): number[] => tokens.map(() => random.integer(below));
  return {
    ...sound,
    tokens: changed() ? [...tokens, oneOf(random, [...tokens, 'new'])] : tokens,
    tokenTypes: changed()
      ? oneOf(random, [undefined, numbers(9), [1]])
      : resize(sound.tokenTypes, tokens.length),
    scores: changed()
      ? oneOf(random, [undefined, numbers(5), [Number.NaN]])
      : resize(sound.scores, tokens.length),
    merges: changed() ? tokens.map(() => `${randomText(random, 3)} ${randomText(random, 3)}`) : sound.merges,
    ...(changed() && { bosId: randomId(random, tokens.length), eosId: randomId(random, tokens.length) }),
    ...(changed() && { addBos: true, addEos: random.unit() < 0.5 }),
    modelName: oneOf(random, [undefined, 'phi-3']),
  };
}

function resize(values: ArrayLike<number> | undefined, length: number): number[] | undefined {
  return values && Array.from({ length }, (_, i) => values[i] ?? 1);
}

function exercise(tokenizer: Tokenizer, random: Random): void {
  const text = randomText(random, 40);
  const plain = tokenizer.encode(text);
  expect(plain.filter((id) => tokenizer.isControl(id) && id !== tokenizer.findToken('<unk>'))).toEqual([]);
  const special = tokenizer.encode(text, { parseSpecial: true, addBos: true });
  for (const id of special) expect(tokenizer.tokenText(id)).toBeTypeOf('string');
  expect(tokenizer.decode(special)).toBeTypeOf('string');
  expect(tokenizer.decode([...Array(tokenizer.size).keys()], { special: true })).not.toMatch(
    /\p{Surrogate}/u,
  );
}

it('yields a result or a HearthError, whatever the vocabulary and the text', () => {
  const random = new Random(20);
  const outcomes = new Map<string, number>();
  for (let run = 0; run < 400; run++) {
    let outcome = 'encoded';
    try {
      const tokenizer = new Tokenizer(randomDescription(random));
      for (let i = 0; i < 5; i++) exercise(tokenizer, random);
    } catch (error) {
      if (!(error instanceof HearthError)) throw error;
      outcome = error.code;
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // The data must have been neither all good nor all bad.
  expect(outcomes.get('encoded')).toBeGreaterThan(100);
  expect(outcomes.get('TOKENIZER_BAD_VOCABULARY')).toBeGreaterThan(50);
  expect(outcomes.get('TOKENIZER_UNSUPPORTED')).toBeGreaterThan(10);
});
