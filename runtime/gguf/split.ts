/** `-00001-of-00003.gguf`, as llama.cpp's gguf-split numbers parts; a URL may have a query behind. */
const PART_SUFFIX = /-(\d{5})-of-(\d{5})(\.gguf(?:\?.*)?)$/i;

/** What the name of one part of a split model says. */
export interface SplitName {
  /** All before the numbers. */
  readonly prefix: string;
  /** From 1. */
  readonly index: number;
  readonly count: number;
  /** All behind the numbers. */
  readonly ending: string;
}

/** @returns undefined for a name or URL that is not numbered as a part, such as that of a single file */
export function parseSplitName(name: string): SplitName | undefined {
  const match = PART_SUFFIX.exec(name);
  if (match === null) return undefined;
  const [, index, count, ending] = match;
  const part = {
    prefix: name.slice(0, match.index),
    index: Number(index),
    count: Number(count),
    ending: ending!,
  };
  return part.index >= 1 && part.index <= part.count ? part : undefined;
}

/** The names of all parts of a split model, from the name of any; just that name where it is a single file. */
export function partNames(name: string): string[] {
  const part = parseSplitName(name);
  if (part === undefined) return [name];
  const number = (value: number) => String(value).padStart(5, '0');
  return Array.from(
    { length: part.count },
    (_, i) => `${part.prefix}-${number(i + 1)}-of-${number(part.count)}${part.ending}`,
  );
}
