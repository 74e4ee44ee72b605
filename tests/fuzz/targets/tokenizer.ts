import { Tokenizer } from '../../../runtime/tokenizer/tokenizer.ts';
import type { VocabularyDescription } from '../../../runtime/tokenizer/vocabulary.ts';
import { smallBpe, smallSpm } from '../../tokenizer/small-vocabularies.ts';
import { textMutator } from '../mutate-text.ts';
import { json, valueMutator } from '../mutate-value.ts';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';

const words = [
  '▁',
  'Ġ',
  'the',
  ' world',
  '<|im_end|>',
  '<s>',
  '<0x41>',
  '<tool>',
  '漢字',
  '123456',
  "'ll",
  '\u0301',
  '  ',
];
const pres = ['gpt-2', 'llama-bpe', 'qwen2', 'falcon', 'deepseek-llm'];

/** Vocabularies as a file may describe them, and what they make of a text. */
export function vocabularyTarget(): Target {
  const described = [smallSpm(), ...pres.map((pre) => smallBpe({ pre }))];
  return {
    seeds: described.map((description) =>
      json.print({ description: plain(description), text: 'Hello the world <s>\n' }),
    ),
    mutate: valueMutator(json, textMutator(words)),
    read: (input) => {
      const given = parsed(input);
      if (!given) return 'no description';
      const tokenizer = new Tokenizer(given.description);
      const ids = tokenizer.encode(given.text, { parseSpecial: true, addBos: true });
      return `${tokenizer.model} ${tokenizer.decode(ids).length > 0}`;
    },
  };
}

/** Text that anybody sends, to vocabularies that are sound. */
export function textTarget(): Target {
  const tokenizers = [smallSpm(), ...pres.map((pre) => smallBpe({ pre }))].map(
    (description) => new Tokenizer(description),
  );
  return {
    seeds: [
      'Hello, world! It’s 12345 o’clock.',
      'the  the\n\n\tend <|im_end|>',
      '你好 e\u0301 👩‍👩‍👧 \u00a0x',
    ].map(bytesOfText),
    mutate: textMutator(words),
    read: (input) => {
      const text = textOfBytes(input);
      const tokenizer = tokenizers[input.length % tokenizers.length]!;
      const ids = tokenizer.encode(text);
      if (tokenizer.model === 'gpt2' && tokenizer.decode(ids) !== text)
        throw new Error(`${JSON.stringify(text)} came back as another text`);
      tokenizer.decode(tokenizer.encode(text, { parseSpecial: true, addBos: true }));
      return `${Math.ceil(Math.log2(input.length + 1))}`;
    },
  };
}

/** Types that JSON has; what the file's reader has checked of them stays as it is. */
function plain(description: VocabularyDescription): object {
  return JSON.parse(JSON.stringify(description)) as object;
}

/** As metadata gives it: each field of its type, with any value. */
function parsed(input: Uint8Array): { description: VocabularyDescription; text: string } | undefined {
  let value: unknown;
  try {
    value = json.parse(input);
  } catch {
    return undefined;
  }
  const { description, text } = fieldsOf(value);
  const fields = fieldsOf(description);
  const { model } = fields;
  if (model !== 'llama' && model !== 'gpt2') return undefined;
  const texts = (field: unknown) => (Array.isArray(field) ? field.map(String) : undefined);
  const numbers = (field: unknown) =>
    Array.isArray(field) ? Float64Array.from(field.map(Number)) : undefined;
  const number = (field: unknown) => (typeof field === 'number' ? field : undefined);
  const tokens = texts(fields.tokens) ?? [];
  return {
    description: {
      model,
      tokens,
      pre: typeof fields.pre === 'string' ? fields.pre : undefined,
      scores: numbers(fields.scores),
      tokenTypes: numbers(fields.tokenTypes),
      merges: texts(fields.merges),
      bosId: number(fields.bosId),
      eosId: number(fields.eosId),
      unknownId: number(fields.unknownId),
      addSpacePrefix: fields.addSpacePrefix === true,
    },
    text: typeof text === 'string' ? text : '',
  };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
