import { join, mutateBytes } from './mutate-bytes.ts';
import { bytesOfText, type Mutate } from './target.ts';

/** What text goes wrong with anywhere: ends, controls, what is no character, what is several. */
const anywhere = [
  '\0',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '"',
  "'",
  '\\',
  '\u2028',
  '\ufeff',
  '\ufffd',
  '\u202e',
  '\u200d',
  '👩‍👩‍👧',
  'é',
  'e\u0301',
  'ß',
  'İ',
  '%00',
  '..',
  '/',
  '-1',
  '1e999',
  '9007199254740993',
  'NaN',
  'null',
  '__proto__',
  'constructor',
];

/** As bytes are, and with words put in. @param words that mean something to who reads it */
export function textMutator(words: readonly string[]): Mutate {
  const dictionary = [...anywhere, ...words, ...words].map(bytesOfText);
  return (input, random, another) => {
    let bytes = input;
    for (let left = random.integer(4); left > 0; left -= 1) {
      const word = dictionary[random.integer(dictionary.length)]!;
      const at = random.integer(bytes.length + 1);
      const end = Math.min(bytes.length, at + random.integer(2) * random.integer(8));
      bytes = join(bytes.subarray(0, at), word, bytes.subarray(end));
    }
    return random.integer(3) ? mutateBytes(bytes, random, another) : bytes;
  };
}
