import { assert, HearthError } from '../error.ts';
import { bestTokens } from './best-tokens.ts';
import { firstNotFinite } from './finite.ts';

/** How many ranked tokens are found at once when nobody knows how many are needed. */
const firstRanking = 64;

/**
 * The tokens that may still be drawn: the `length` best of the vocabulary by the logits as the chain left them.
 * Logits change first, then nothing but `length` does.
 */
export class Candidates {
  /** float32 [vocabSize], by token id. */
  readonly logits: Float32Array;
  private kept: number;
  private ranked: Int32Array = new Int32Array(0);
  private greatest: number | undefined;

  /** @param scratch float32 [vocabSize] that this takes over */
  constructor(row: Float32Array, scratch: Float32Array) {
    checkFinite(row);
    scratch.set(row);
    this.logits = scratch;
    this.kept = row.length;
  }

  get length(): number {
    return this.kept;
  }

  /** Whether no token has been cut, so that going by id is as good as going by rank. */
  get whole(): boolean {
    return this.kept === this.logits.length;
  }

  /** Changes one token's logit. */
  edit(token: number, change: (logit: number) => number): void {
    assert(this.greatest === undefined && this.ranked.length === 0, 'logits change before ranking');
    this.logits[token] = change(this.logits[token]!);
  }

  /** Keeps the `count` best, at least one. */
  keep(count: number): void {
    this.kept = Math.max(1, Math.min(count, this.kept));
  }

  /** The likeliest token; of equals the lowest id. */
  best(): number {
    this.greatest ??= this.whole ? greatestLogit(this.logits) : this.ranking(0);
    return this.greatest;
  }

  /** Token of a rank, 0 the best. Ranks are found in runs that grow, so a short walk costs little. */
  ranking(rank: number): number {
    assert(rank < this.kept, `rank ${rank} among ${this.kept} candidates`);
    if (rank >= this.ranked.length) {
      const wanted = Math.max(firstRanking, rank + 1, this.ranked.length * 16);
      this.ranked = bestTokens(this.logits, Math.min(wanted, this.kept));
    }
    return this.ranked[rank]!;
  }
}

/** Id of the greatest logit, the lowest of equals. */
function greatestLogit(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}

/** A row that a broken model or device made must end its request, not draw an arbitrary token. */
function checkFinite(row: Float32Array): void {
  assert(row.length > 0, 'a row of logits is not empty');
  const token = firstNotFinite(row);
  if (token === undefined) return;
  throw new HearthError(
    'LOGITS_NOT_FINITE',
    'the model computed a logit that is not a finite number; check the model file',
    { token, logit: String(row[token]) },
  );
}
