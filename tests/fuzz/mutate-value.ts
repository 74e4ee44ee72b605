import type { Random } from '../support/random.ts';
import { maxInputBytes, mutateBytes } from './mutate-bytes.ts';
import { textMutator } from './mutate-text.ts';
import { bytesOfText, type Mutate, textOfBytes } from './target.ts';

/** A value's notation. */
export interface Notation {
  /** @throws anything where the bytes are none */
  readonly parse: (bytes: Uint8Array) => unknown;
  readonly print: (value: unknown) => Uint8Array;
}

export const json: Notation = {
  parse: (bytes) => JSON.parse(textOfBytes(bytes)),
  print: (value) => bytesOfText(JSON.stringify(value) ?? 'null'),
};

const scalars: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.5,
  1e-320,
  127,
  255,
  256,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  'a',
  '\0',
  '__proto__',
  'a'.repeat(300),
  [],
  {},
  [[]],
  [null],
];

/** What is repeated comes to no more values: repeated again and again, a short value would take all time and memory. */
const mostRepeated = 1 << 14;

/** A place in a tree: what holds it, and under which key. */
interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

type Edit = (place: Place, random: Random, all: readonly Place[]) => void;

const at = ({ holder, key }: Place): unknown => (holder as Record<string | number, unknown>)[key];
const put = ({ holder, key }: Place, value: unknown): void => {
  // A key such as __proto__ is one like any other.
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
};
const any = <T>(items: readonly T[], random: Random): T => items[random.integer(items.length)]!;
const mutateWords = textMutator([]);

const edits: readonly Edit[] = [
  (place, random) => put(place, any(scalars, random)),
  (place, random, all) => put(place, structuredClone(at(any(all, random)))),
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  (place, random, all) => {
    const { holder } = any(all, random);
    const value = structuredClone(at(place));
    if (Array.isArray(holder)) holder.splice(random.integer(holder.length + 1), 0, value);
    else put({ holder, key: any(['', 'x', String(place.key), '__proto__'], random) }, value);
  },
  (place, random) => {
    const value = at(place);
    if (typeof value === 'number') put(place, value + random.integer(9) - 4);
    else if (typeof value === 'string')
      put(place, textOfBytes(mutateWords(bytesOfText(value), random, bytesOfText(value))));
    else if (value instanceof Uint8Array) put(place, mutateBytes(value, random, value));
    else if (Array.isArray(value)) value.reverse();
  },
  (place, random) => {
    const value = at(place);
    const times = 1 << random.integer(9);
    if (Array.isArray(value) && value.length > 0 && sizeOf(value) * times < mostRepeated)
      // Copies: a part that stands in many places would take in what is put into one of them, and that again.
      put(place, Array.from({ length: times }, () => structuredClone(value)).flat());
    else if (typeof value === 'string' && value.length * times < maxInputBytes)
      put(place, value.repeat(times));
  },
  (place, random) => {
    let value = at(place);
    for (let left = 1 << random.integer(8); left > 0; left -= 1)
      value = random.integer(2) ? [value] : { x: value };
    put(place, value);
  },
];

/** Values in a value, itself among them, as often as its notation has them; counted no further than need be. */
function sizeOf(value: unknown, most = mostRepeated): number {
  let size = 1;
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array))
    for (const part of Object.values(value)) {
      if (size >= most) break;
      size += sizeOf(part, most - size);
    }
  return size;
}

function placesIn(root: Place, found: Place[] = []): Place[] {
  found.push(root);
  const value = at(root);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || found.length > 500)
    return found;
  for (const key of Object.keys(value))
    placesIn(
      { holder: value as Record<string, unknown>, key: Array.isArray(value) ? Number(key) : key },
      found,
    );
  return found;
}

/** Some changes to a value, which is left as it is. */
export function mutateValue(value: unknown, random: Random): unknown {
  const root: Place = { holder: [structuredClone(value)], key: 0 };
  for (let left = 1 + random.integer(3); left > 0; left -= 1) {
    const places = placesIn(root);
    any(edits, random)(any(places, random), random, places);
    // The whole may have been taken out.
    if ((root.holder as unknown[]).length === 0) put(root, null);
  }
  return at(root);
}

/** Changes what the bytes say; now and then, and where they say nothing, the bytes. */
export function valueMutator({ parse, print }: Notation, otherwise: Mutate = mutateBytes): Mutate {
  return (input, random, another) => {
    if (random.integer(6) === 0) return otherwise(input, random, another);
    try {
      return print(mutateValue(parse(input), random));
    } catch {
      return otherwise(input, random, another);
    }
  };
}
