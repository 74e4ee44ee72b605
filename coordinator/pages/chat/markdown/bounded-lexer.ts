import { getDefaults, Lexer, type Token } from 'marked';

/** Of a text, about a sixth of a second. */
const mostPairs = 1_000_000;
/** Shorter ones are everywhere, and cost nothing. */
const longRuns = / {65,}|[^\s@]{65,}@/g;
/** Pairs of characters in a run that take as long as a pair of delimiters. */
const pairsPerDelimiters = 50;

/**
 * Marked's lexer, which holds each delimiter of emphasis against all that follow in its paragraph, and each character of a
 * long run of spaces, or before an @, against all the others. A model that repeats itself for some kB would so stop the
 * page for seconds, at each piece that comes. Paragraphs that would take a text too long are shown as they stand.
 */
export class BoundedLexer extends Lexer {
  #pairs = 0;

  constructor() {
    super({ ...getDefaults(), gfm: true, breaks: true });
  }

  override inlineTokens(text: string, tokens: Token[] = []): Token[] {
    const pairs = pairsIn(text);
    if (this.#pairs + pairs > mostPairs) {
      tokens.push({ type: 'text', raw: text, text, escaped: false });
      return tokens;
    }
    this.#pairs += pairs;
    return super.inlineTokens(text, tokens);
  }
}

function pairsIn(text: string): number {
  const delimiters = text.match(/[*_~]/g)?.length ?? 0;
  const runs = text.match(longRuns) ?? [];
  return runs.reduce((sum, { length }) => sum + length ** 2 / pairsPerDelimiters, delimiters ** 2);
}
