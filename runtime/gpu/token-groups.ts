/** Tokens that an invocation takes together, so that their weights are read and unpacked once; one where there is one. */
export function tokenGroups(tokens: number): number {
  return tokens > 1 ? 4 : 1;
}

/** Those that steps of up to so many tokens need. */
export function groupings(maxTokens: number): number[] {
  return [...new Set([1, tokenGroups(maxTokens)])];
}
