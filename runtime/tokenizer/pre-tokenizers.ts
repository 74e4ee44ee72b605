import { HearthError } from '../error.ts';
import { unassignedRanges } from './unicode-gaps.ts';

/** How a byte-level BPE vocabulary cuts text into words before merging, and what comes with the choice. */
export interface PreTokenizer {
  /** Each cuts the pieces that the one before it left: what it matches is a piece, and what lies between too. */
  readonly patterns: readonly RegExp[];
  /** A word that is a token is taken as it is, even if no merges lead to it. */
  readonly ignoreMerges?: true;
  /** Whether a beginning-of-text token is put first if the file does not say. */
  readonly addBos?: true;
}

const UNASSIGNED = unassignedRanges();

/**
 * `\p{L}` and its like mean the characters that Unicode 15.1 has of them, so that no engine's version matters.
 * `\s` and `\S` mean Unicode's White_Space here, as in the regex engines these patterns were written for;
 * JavaScript's own `\s` has U+FEFF in it and lacks U+0085.
 */
function pattern(source: string): RegExp {
  const portable = source
    .replaceAll(/\\p\{[LMNPS]\}/g, `[$&--[${UNASSIGNED}]]`)
    .replaceAll('\\s', '\\p{White_Space}')
    .replaceAll('\\S', '\\P{White_Space}');
  return new RegExp(portable, 'gv');
}

/** `41-5A B5` → `\u{41}-\u{5A}\u{B5}`: ranges of letters that would be hard to tell apart by eye. */
function ranges(hex: string): string {
  return hex.replaceAll(/[0-9A-F]+/g, '\\u{$&}').replaceAll(' ', '');
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** The pattern of OpenAI's cl100k, which differs between its heirs in what a word and a number are. */
function cl100k(letters: string, number: string, nonSymbols = String.raw`\s\p{L}\p{N}`): string {
  return (
    String.raw`'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?${letters}+|${number}` +
    String.raw`| ?[^${nonSymbols}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  );
}

/** Letters with case, in DeepSeek's own selection. */
const DEEPSEEK_LETTERS = ranges(
  '41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A ' +
    '38C 38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF ' +
    '1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D ' +
    '1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 ' +
    '1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F ' +
    '2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D A680-A69B A722-A76F ' +
    'A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 ' +
    '104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943',
);
/**
 * The published class is 800-9FA5 and AC00-D7FF. White space is taken out, here and in the punctuation below,
 * since llama.cpp hides it from patterns without a Unicode category.
 */
const DEEPSEEK_CJK = ranges('800-167F 1681-1FFF 200B-2027 202A-202E 2030-205E 2060-2FFF 3001-9FA5 AC00-D7FF');

const gpt2 = { patterns: [pattern(GPT2)] };
const separateDigits = { patterns: [pattern(String.raw`\p{N}`), pattern(GPT2)] };
const llama3 = { patterns: [pattern(cl100k(String.raw`\p{L}`, String.raw`\p{N}{1,3}`))] };
const qwen2 = { patterns: [pattern(cl100k(String.raw`\p{L}`, String.raw`\p{N}`))] };
const qwen35 = {
  patterns: [pattern(cl100k(String.raw`[\p{L}\p{M}]`, String.raw`\p{N}`, String.raw`\s\p{L}\p{M}\p{N}`))],
};
const deepseekLlm = {
  patterns: [
    pattern(String.raw`[\r\n]`),
    pattern(String.raw`\s?[${DEEPSEEK_LETTERS}]+`),
    pattern(String.raw`\s?[!-\/:-\~${ranges('FF01-FF0F FF1A-FF5E 2018-201F 3001-3002')}]+`),
    // Without the look-behind every space of a long run would be tried as a start: quadratic time.
    pattern(String.raw`(?<!\s)\s+$`),
    pattern(`[${DEEPSEEK_CJK}]+`),
    pattern(String.raw`\p{N}+`),
  ],
};
const deepseekCoder = {
  patterns: [
    pattern(String.raw`[\r\n]`),
    pattern(String.raw`\s?\p{L}+`),
    pattern(String.raw`\s?\p{P}+`),
    pattern(`[${DEEPSEEK_CJK}]+`),
    pattern(String.raw`\p{N}`),
  ],
};
const deepseekV3 = {
  patterns: [
    pattern(String.raw`\p{N}{1,3}`),
    pattern(`[${ranges('4E00-9FA5 3040-30FF')}]+`),
    pattern(
      '[!-\\/:-@\\[-`\\{-~][A-Za-z]+|' +
        String.raw`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ),
  ],
};
const falcon = {
  patterns: [pattern('[\\p{P}$+<=>^~\\|`]+'), pattern(GPT2), pattern('[0-9]{3}')],
};
const unnamed = {
  patterns: [
    pattern(String.raw`[\p{P}$+<=>^~\|]+`),
    pattern(GPT2),
    pattern(String.raw`\p{N}+`),
    pattern('[0-9]{3}'),
  ],
};

/** By the names that files use, with the flags that llama.cpp (src/llama-vocab.cpp) attaches to each. */
const registry: ReadonlyMap<string, PreTokenizer> = new Map([
  ...named(unnamed, 'default'),
  ...named(gpt2, 'gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert'),
  ...named(gpt2, 'gpt-neox mpt olmo jais trillion granite-docling exaone4'),
  ...named(separateDigits, 'starcoder refact command-r smollm codeshell exaone minerva-7b mellum2'),
  ...named(
    { ...llama3, ignoreMerges: true, addBos: true },
    'llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral',
  ),
  ...named({ ...llama3, ignoreMerges: true, addBos: true }, 'midm-2.0 lfm2 jina-v5-nano'),
  ...named(llama3, 'smaug-bpe dbrx glm4 chatglm-bpe'),
  ...named(qwen2, 'qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2'),
  ...named(qwen35, 'qwen35'),
  ...named(deepseekLlm, 'deepseek-llm'),
  ...named(deepseekCoder, 'deepseek-coder'),
  ...named(deepseekV3, 'deepseek-v3 hunyuan-dense joyai-llm'),
  ...named(falcon, 'falcon'),
]);

function named(preTokenizer: PreTokenizer, names: string): [string, PreTokenizer][] {
  return names.split(' ').map((name) => [name, preTokenizer]);
}

/**
 * @param name `tokenizer.ggml.pre`; absent in old files, which then get llama.cpp's default
 * @throws HearthError TOKENIZER_UNSUPPORTED if no such pre-tokenizer is known
 */
export function findPreTokenizer(name: string | undefined): PreTokenizer {
  const found = registry.get(name || 'default');
  if (found) return found;
  const known = preTokenizerNames().join(', ');
  throw new HearthError(
    'TOKENIZER_UNSUPPORTED',
    `The model's pre-tokenizer "${name}" is not supported. Known ones: ${known}.`,
    { preTokenizer: String(name) },
  );
}

export function preTokenizerNames(): string[] {
  return [...registry.keys()];
}

/** The words of a text, in order and without a gap: joined they are the text again. */
export function splitWords(text: string, patterns: readonly RegExp[]): string[] {
  let pieces = text === '' ? [] : [text];
  for (const pattern of patterns) {
    const finer: string[] = [];
    for (const piece of pieces) isolate(piece, pattern, finer);
    pieces = finer;
  }
  return pieces;
}

/** Steps a shared pattern through by hand: `matchAll` would compile a copy of it for each piece. */
function isolate(piece: string, pattern: RegExp, pieces: string[]): void {
  let end = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(piece); match; match = pattern.exec(piece)) {
    if (match.index > end) pieces.push(piece.slice(end, match.index));
    pieces.push(match[0]);
    end = match.index + match[0].length;
  }
  if (end < piece.length) pieces.push(piece.slice(end));
}
