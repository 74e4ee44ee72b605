/**
 * A text's code with blanks for what is not code, so that lines and columns stay. Enough of a scanner for
 * formatted TypeScript: comments, three kinds of quotes (with code inside `${}`), regular expressions.
 */
export function codeOnly(text: string, keep: { readonly strings: boolean }): string {
  const output: string[] = [];
  /** For each open template: how many braces are open within its `${`. */
  const templates: number[] = [];
  let at = 0;
  const take = (length: number, visible: boolean): void => {
    const piece = text.slice(at, at + length);
    output.push(visible ? piece : piece.replace(/[^\n]/g, ' '));
    at += length;
  };
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const character = text[at]!;
    if (rest === '//') take(lengthUntil(text, at, '\n'), false);
    else if (rest === '/*') take(lengthUntil(text, at + 2, '*/') + 4, false);
    else if (character === "'" || character === '"') take(quotedLength(text, at), keep.strings);
    else if (character === '/' && startsRegExp(output)) take(regExpLength(text, at), keep.strings);
    else if (character === '`' || (character === '}' && templates.at(-1) === 0)) {
      if (character === '}') templates.pop();
      const length = templateLength(text, at);
      if (text[at + length - 1] === '{') templates.push(0);
      take(length, keep.strings);
    } else {
      if (templates.length > 0 && character === '{') templates[templates.length - 1]! += 1;
      if (templates.length > 0 && character === '}') templates[templates.length - 1]! -= 1;
      take(1, true);
    }
  }
  return output.join('');
}

/** Length up to the next `end`, or to the end of the text. */
function lengthUntil(text: string, from: number, end: string): number {
  const found = text.indexOf(end, from);
  return (found < 0 ? text.length : found) - from;
}

function quotedLength(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== text[from] && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at + 1 - from;
}

/** From a backtick or from the brace that closes `${}`, to the closing backtick or the next `${`. */
function templateLength(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '`') {
    if (text.startsWith('${', at)) return at + 2 - from;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at + 1 - from;
}

/** A slash divides behind a value; elsewhere it starts a regular expression. */
function startsRegExp(output: readonly string[]): boolean {
  const before = output.slice(-200).join('').trimEnd();
  return before === '' || /[(,=:[!&|?{};+\-*%<>~^]$|\b(return|typeof|case|in|of|yield|await)$/.test(before);
}

function regExpLength(text: string, from: number): number {
  let at = from + 1;
  let inClass = false;
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at + 1 - from;
}

/** 1-based line of a position in a text. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

/** `line N: what` for each match of a pattern (with the flag g). */
export function matches(text: string, pattern: RegExp, what: (match: RegExpMatchArray) => string): string[] {
  return [...text.matchAll(pattern)].map((match) => `line ${lineAt(text, match.index)}: ${what(match)}`);
}
