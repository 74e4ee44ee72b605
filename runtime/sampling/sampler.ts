import { Candidates } from './candidates.ts';
import { draw } from './draw.ts';
import type { TokenHistory } from './history.ts';
import { logitBias } from './logit-bias.ts';
import { type TokenLogprobs, tokenLogprobs } from './logprobs.ts';
import type { SamplingMath } from './math.ts';
import { minP } from './min-p.ts';
import { neededLogits } from './needed-logits.ts';
import type { SamplingParams } from './params.ts';
import { countPenalties, repetitionPenalty } from './penalties.ts';
import { Random } from './random.ts';
import type { SamplingContext, SamplingStep } from './step.ts';
import { topK } from './top-k.ts';
import { topP } from './top-p.ts';

/** Steps that edit logits, then steps that cut candidates; the temperature comes last, in the draw. */
const edits: readonly SamplingStep[] = [logitBias, repetitionPenalty, countPenalties];
const cuts: readonly SamplingStep[] = [topK, topP, minP];

export interface Sample {
  readonly token: number;
  /** Present if the parameters ask for log-probabilities. */
  readonly logprobs?: TokenLogprobs;
}

/** Chooses one sequence's tokens: a pure function of the parameters (with their seed), the history and the logits. */
export class Sampler {
  private readonly params: SamplingParams;
  private readonly math: SamplingMath;
  private readonly random: Random;
  private scratch: Float32Array | undefined;

  constructor(params: SamplingParams, math: SamplingMath) {
    this.params = params;
    this.math = math;
    this.random = new Random(params.seed);
  }

  /** How many of the next row's greatest logits it needs; undefined if it needs all. */
  needed(history: TokenHistory): number | undefined {
    return neededLogits(this.params, history);
  }

  /**
   * @param row float32 [vocabSize]; left as it is. Those that are not needed may be `unsentLogit`
   * @throws HearthError LOGITS_NOT_FINITE
   */
  sample(row: Float32Array, history: TokenHistory): Sample {
    this.scratch ??= new Float32Array(row.length);
    const candidates = new Candidates(row, this.scratch);
    const { params, math } = this;
    const context = { params, math, history };
    for (const edit of edits) edit(candidates, context);
    const token = params.temperature === 0 ? candidates.best() : this.drawAfterCuts(candidates, context);
    if (params.topLogprobs === undefined) return { token };
    return { token, logprobs: tokenLogprobs(row, token, params.topLogprobs, math) };
  }

  /** As if it had chosen a token that is known already: the next one it chooses is what it would have been. */
  skip(): void {
    if (this.params.temperature !== 0) this.random.nextUnit();
  }

  private drawAfterCuts(candidates: Candidates, context: SamplingContext): number {
    for (const cut of cuts) cut(candidates, context);
    return draw(candidates, this.params.temperature, this.math, this.random);
  }
}
