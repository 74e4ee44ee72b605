/** As in docs/api.md. */
const mostStrings = 16;
const mostCharacters = 256;

/** Strings that end an answer as lines, in which `\n` stands for a line break. */
export function stopLines(stop: string | readonly string[] = []): string {
  return [stop]
    .flat()
    .map((text) => text.replaceAll('\n', '\\n'))
    .join('\n');
}

/** What lines stand for; empty ones for nothing. */
export function stopStrings(lines: string): string[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll('\\n', '\n'));
}

/** Why the coordinator would not take them; empty if it would. */
export function stopProblem(stop: readonly string[]): string {
  if (stop.length > mostStrings) return `At most ${mostStrings} of them.`;
  return stop.some(({ length }) => length > mostCharacters)
    ? `At most ${mostCharacters} characters each.`
    : '';
}
