/**
 * Splits a budget so that nobody gets more than they want and nobody could get more without taking from one who
 * has less (max-min fairness). With the smallest wants first, an answer's next token comes before a prompt's
 * chunk, and a short prompt does not wait for a long one.
 * @param wants in ascending order, save that those who got nothing last time come first
 * @returns whole shares, in the order of `wants`; their sum is at most `budget`
 */
export function fairShares(budget: number, wants: readonly number[]): number[] {
  let left = budget;
  return wants.map((want, index) => {
    const share = Math.min(want, Math.ceil(left / (wants.length - index)));
    left -= share;
    return share;
  });
}
