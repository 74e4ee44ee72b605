import type { Leg } from '../plan/plan.ts';
import { operations } from '../profile/operations.ts';
import { shareOf, type Team } from '../threads/team.ts';
import type { Batch } from './batch.ts';
import { type MicroBatch, microBatches, type Portion, portions } from './micro-batch.ts';
import type { Stage } from './stage.ts';
import type { LogitPart, PartialSum, Residual, StepEvent } from './step.ts';

type Steps<T> = Generator<StepEvent, T, void>;

/**
 * How a thread of a rank goes through a step: leg by leg, then the output head. The order is the same on all of its
 * threads and needs no word between them; only the leader yields.
 *
 * In a leg that this rank computes alone, a portion of the tokens goes through all sublayers before the next does, so
 * that the rank behind it has something to compute. In one with others, all portions go through a sublayer before any
 * goes through the next: one is computed while others' sums travel.
 */
export class RankStep {
  readonly #stages: readonly Stage[];
  readonly #team: Team;
  readonly #layerCount: number;
  /** Tiles that stream are in memory but once a step. */
  readonly #streams: boolean;
  #batches: readonly Batch[] = [];
  /** The leader's: what each portion has added up in the sublayer that it is in. */
  readonly #sums = new Map<Portion, readonly PartialSum[]>();

  constructor(stages: readonly Stage[], layerCount: number, team: Team) {
    this.#stages = stages;
    this.#layerCount = layerCount;
    this.#team = team;
    this.#streams = stages.some(({ assignment }) => assignment.weightBytes !== undefined);
  }

  /** @param batches each stage's: the same tokens, in its own pages */
  *run(batches: readonly Batch[]): Steps<readonly LogitPart[]> {
    this.#batches = batches;
    this.#sums.clear();
    const { legs, microBatchTokens } = this.#stages[0]!.assignment;
    const parts = microBatches(batches[0]!.tokens.length, microBatchTokens);
    const all = portions(parts, this.#streams);
    for (const leg of legs) {
      for (const together of leg.members > 1 ? [all] : all.map((portion) => [portion]))
        yield* this.#leg(leg, together);
    }
    return yield* this.#head(parts);
  }

  *#leg(leg: Leg, portions: readonly Portion[]): Steps<void> {
    const [first, end] = [2 * leg.firstLayer, 2 * leg.endLayer];
    // Sublayers before it have left nothing to be added to the residual.
    let applied = first;
    for (let sublayer = first; sublayer < end; sublayer += 1) {
      for (const portion of portions) {
        if (sublayer > applied) yield* this.#finish(leg, portion, sublayer - 1);
        yield* this.#enter(leg, portion, sublayer);
        const behind = yield* this.#lend(portion, sublayer);
        if (behind === sublayer) yield* this.#compute(leg, portion, sublayer);
        else [applied, sublayer] = [behind, behind - 1];
      }
    }
    for (const portion of portions) {
      if (end > applied) yield* this.#finish(leg, portion, end - 1);
      yield* this.#leave(leg, portion);
    }
  }

  /**
   * Has a GPU compute the layers that begin here, if they are lent: those of a leg without others, which has a portion at a
   * time.
   * @returns the sublayer behind them, or this one, which then is to be computed here
   */
  *#lend({ first, end }: Portion, sublayer: number): Steps<number> {
    const team = this.#team;
    const stage = this.#stageOf(sublayer);
    const run = stage.loneLayers;
    if (!run || sublayer !== 2 * run.first || !stage.loan.isLent) return sublayer;
    // All threads' part of the residual is in place.
    team.barrier();
    if (team.index === 0) {
      const tokens = this.#batchOf(stage).tokens.slice(first, end);
      stage.loan = { isLent: true, isBack: yield* stage.lent.layers!.compute(tokens, first) };
    }
    team.barrier();
    return stage.loan.isBack ? 2 * run.end : sublayer;
  }

  /** Brings the residual to where the sublayer is computed. */
  *#enter({ firstLayer, receives }: Leg, { parts }: Portion, sublayer: number): Steps<void> {
    const stage = this.#stageOf(sublayer);
    if (receives && sublayer === 2 * firstLayer) {
      const residuals = parts.map(({ first, end }) => ({
        layer: firstLayer,
        first,
        tokens: end - first,
        rows: [stage.residual(first, end)],
      }));
      yield* this.#receive(residuals);
    } else if (sublayer > 0) {
      this.#takeOver(stage, this.#stageOf(sublayer - 1), parts);
    }
  }

  /** Norm, the tiles' products, and what they add up to in this rank: the same around attention and FFN. */
  *#compute(leg: Leg, portion: Portion, sublayer: number): Steps<void> {
    const team = this.#team;
    const stage = this.#stageOf(sublayer);
    const { sums, tiles, input } = stage;
    const layer = sublayer >> 1;
    const isAttention = sublayer % 2 === 0;
    const norm = tiles.baseSection(isAttention ? 'attentionNorm' : 'ffnNorm', layer).pointer;
    const inputs = (isAttention ? stage.attention : stage.ffn).inputs(layer);
    const lent = isAttention || team.index > 0 ? undefined : stage.lent.tiles;
    lent?.announce(layer, portion);
    for (const part of portion.parts) {
      const [first, end] = this.#shareOf(part);
      for (let token = first; token < end; token += 1) stage.prepare(norm, token, token, inputs);
    }
    team.barrier();
    sums.begin(portion);
    team.recorder.mark(operations.addPartial);
    lent?.begin(layer, portion);
    if (isAttention) stage.attention.compute(layer, this.#batchOf(stage), portion, input, sums);
    else stage.ffn.compute(layer, portion, input, sums);
    if (lent) yield* lent.finish(layer, portion);
    sums.publish();
    team.barrier();
    sums.reduce(portion);
    team.recorder.mark(operations.reduce);
    team.barrier();
    if (team.index > 0) return;
    const totals = sums.totals(portion, sublayer);
    this.#sums.set(portion, totals);
    for (const sum of totals) yield { kind: leg.members > 1 ? 'sendSum' : 'sync', sum };
  }

  /** Adds what all ranks have added up to the residual. */
  *#finish({ members }: Leg, portion: Portion, sublayer: number): Steps<void> {
    const stage = this.#stageOf(sublayer);
    if (this.#team.index === 0) {
      for (const [i, sum] of this.#sums.get(portion)!.entries()) {
        if (members > 1) yield { kind: 'awaitSum', sum };
        stage.sums.settle(portion.parts[i]!, sum);
      }
    }
    // What a thread waits for while the leader has its sums added to others'.
    const follows = members > 1 && this.#team.index > 0;
    this.#team.barrier(follows ? operations.otherRanks : operations.barrier);
    for (const part of portion.parts) stage.apply(part, ...this.#shareOf(part));
  }

  /** Hands the residual on. */
  *#leave({ endLayer, sends }: Leg, { parts }: Portion): Steps<void> {
    const stage = this.#stageOf(2 * endLayer - 1);
    const isLast = endLayer === this.#layerCount;
    if (sends) {
      this.#team.barrier();
      if (this.#team.index === 0) {
        for (const part of parts) {
          const { first, end } = part;
          const rows = isLast ? this.#wantedRows(stage, part) : [stage.residual(first, end)];
          const residual = { layer: endLayer, first, tokens: end - first, rows };
          if (rows.length > 0) yield { kind: 'sendResidual', residual };
        }
      }
    }
    if (isLast) this.#takeOver(this.#stages.at(-1)!, stage, parts);
  }

  *#head(parts: readonly MicroBatch[]): Steps<readonly LogitPart[]> {
    const stage = this.#stages.at(-1)!;
    const { logitTokens } = this.#batchOf(stage);
    if (!stage.head.isHeld) return [];
    if (stage.assignment.receivesHead) {
      const residuals = parts.map((part) => ({
        layer: this.#layerCount,
        first: part.first,
        tokens: part.end - part.first,
        rows: this.#wantedRows(stage, part),
      }));
      yield* this.#receive(residuals.filter(({ rows }) => rows.length > 0));
    }
    return this.#logits(stage, logitTokens);
  }

  /** The leader fills rows that no thread is at work on, before and after. */
  *#receive(residuals: readonly Residual[]): Steps<void> {
    const team = this.#team;
    team.barrier();
    if (team.index === 0) for (const residual of residuals) yield { kind: 'awaitResidual', residual };
    team.barrier(team.index > 0 ? operations.otherRanks : operations.barrier);
  }

  /** Of the tokens whose residual this thread has summed up: no other need have come so far. */
  #takeOver(stage: Stage, before: Stage, parts: readonly MicroBatch[]): void {
    if (stage !== before) for (const part of parts) stage.takeOver(before, ...this.#shareOf(part));
  }

  #wantedRows(stage: Stage, { first, end }: MicroBatch): Float32Array[] {
    return this.#batchOf(stage)
      .logitTokens.filter((token) => first <= token && token < end)
      .map((token) => stage.residual(token, token + 1));
  }

  /** Final norm of the wanted tokens, gathered to the front, then the vocabulary tiles; in rounds. */
  #logits(stage: Stage, logitTokens: readonly number[]): readonly LogitPart[] {
    const team = this.#team;
    const { head } = stage;
    const norm = stage.tiles.baseSection('outputNorm').pointer;
    const parts = team.index === 0 ? head.emptyParts(logitTokens.length) : [];
    for (let round = 0; round < logitTokens.length; round += head.tokensPerRound) {
      const tokens = logitTokens.slice(round, round + head.tokensPerRound);
      // The residual's last rows are another thread's, and a round's input is read until its logits are collected.
      team.barrier();
      const [first, end] = shareOf(team, tokens.length);
      const inputs = head.inputs();
      for (let row = first; row < end; row += 1) stage.prepare(norm, tokens[row]!, row, inputs);
      team.barrier();
      head.compute(tokens.length, stage.input);
      team.recorder.mark(operations.vocabulary);
      team.barrier();
      if (team.index === 0) head.collect(parts, round, tokens.length);
      team.recorder.mark(operations.logits);
    }
    return parts;
  }

  /** This thread's tokens of a micro-batch, whose residual no other writes. */
  #shareOf({ first, end }: MicroBatch): readonly [first: number, end: number] {
    const [from, to] = shareOf(this.#team, end - first);
    return [first + from, first + to];
  }

  #stageOf(sublayer: number): Stage {
    return this.#stages.find(({ assignment }) => sublayer < assignment.endSublayer)!;
  }

  #batchOf(stage: Stage): Batch {
    return this.#batches[this.#stages.indexOf(stage)]!;
  }
}
