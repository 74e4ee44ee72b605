import { assert, type ErrorCode, HearthError } from '../../runtime/error.ts';
import type { Generation, GenerationEvent } from '../../runtime/generation/generation.ts';
import type { RunnerLimits, StepInput } from '../../runtime/generation/step-runner.ts';
import { fairShares } from './fair-share.ts';
import type { Sequence } from './slot.ts';
import { SlotPool } from './slot-pool.ts';

export interface ScheduleOptions {
  /** Requests that may wait for a slot. */
  readonly maxWaiting: number;
  /** How often one sequence may lose its cache without coming further than before, until it fails. */
  readonly maxReplays: number;
}

/** One step to run, and what to do before it. */
export interface StepPlan {
  /** Slots that the runner must release first. */
  readonly releases: readonly number[];
  /** Sequences that came out of the queue with this plan. */
  readonly admitted: readonly Sequence[];
  readonly members: readonly Sequence[];
  /** The members' tokens, in the same order. */
  readonly inputs: readonly StepInput[];
  /** Which caches it builds on: see `cachesLost`. */
  readonly cacheEpoch: number;
}

/** What a step did to one sequence. */
export type Outcome =
  | { readonly sequence: Sequence; readonly event: GenerationEvent }
  | { readonly sequence: Sequence; readonly error: unknown };

/** Seconds after which a refused client may try again. */
const retryAfterSeconds = 2;

/**
 * Continuous batching as pure state: requests come and go between steps, each step is made of one token of every
 * answer and chunks of prompts. No clock, no promises: whoever drives it runs one plan at a time and reports back.
 */
export class Schedule {
  private readonly maxStepTokens: number;
  private readonly options: ScheduleOptions;
  private readonly pool: SlotPool;
  private readonly waiting: Sequence[] = [];
  private stepCount = 0;
  private cacheEpoch = 0;

  constructor(limits: RunnerLimits, options: ScheduleOptions) {
    this.maxStepTokens = limits.maxStepTokens;
    this.options = options;
    this.pool = new SlotPool(limits);
  }

  get running(): readonly Sequence[] {
    return this.pool.running;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** KV pages that running sequences have reserved. */
  get reservedPages(): number {
    return this.pool.reservedPages;
  }

  /**
   * @param isRestored it has waited before
   * @throws HearthError SERVER_BUSY if too many wait already
   */
  add(generation: Generation, isRestored = false): Sequence {
    if (this.waiting.length >= this.options.maxWaiting && !isRestored) {
      throw new HearthError('SERVER_BUSY', 'too many requests are waiting; try again a little later', {
        waiting: this.waiting.length,
        retryAfterSeconds,
      });
    }
    const sequence: Sequence = {
      generation,
      slot: undefined,
      position: 0,
      cachedTokens: 0,
      servedStep: 0,
      furthest: 0,
      replays: 0,
      suspect: false,
    };
    this.waiting.push(sequence);
    return sequence;
  }

  /** Takes a sequence out, wherever it is; its slot keeps what it holds. */
  remove(sequence: Sequence): void {
    const place = this.waiting.indexOf(sequence);
    if (place >= 0) this.waiting.splice(place, 1);
    this.pool.leave(sequence, this.stepCount);
  }

  /** The next step, or nothing if there is nothing to do. */
  next(): StepPlan | undefined {
    const admitted = this.admit();
    const ready = this.nextMembers();
    if (ready.length === 0) return undefined;
    this.stepCount++;
    const shares = fairShares(this.maxStepTokens, ready.map(pendingTokens));
    const members = ready.filter((_, index) => shares[index]! > 0);
    const inputs = members.map((sequence, index) => stepInput(sequence, shares[index]!));
    for (const sequence of members) sequence.servedStep = this.stepCount;
    const releases = this.pool.takeReleased();
    return { releases, admitted, members, inputs, cacheEpoch: this.cacheEpoch };
  }

  /** @param rows the runner's answer: one row for each input that wanted logits */
  succeeded(plan: StepPlan, rows: readonly Float32Array[]): Outcome[] {
    const wanted = plan.inputs.filter((input) => input.logits === 'last').length;
    assert(rows.length === wanted, `a step that wants ${wanted} rows of logits got ${rows.length}`);
    const outcomes: Outcome[] = [];
    let row = 0;
    plan.members.forEach((sequence, index) => {
      const input = plan.inputs[index]!;
      const logits = input.logits === 'last' ? rows[row++] : undefined;
      const slot = this.pool.slots[input.slot]!;
      if (plan.cacheEpoch === this.cacheEpoch) {
        slot.held.length = input.start;
        slot.held.push(...input.tokens);
        sequence.position = slot.held.length;
      }
      sequence.suspect = false;
      noteProgress(sequence);
      if (logits && sequence.slot === slot) outcomes.push(this.accept(sequence, logits));
    });
    return outcomes;
  }

  /**
   * After a step that failed because a device left, all sequences go on from what the runner says that it has kept,
   * which changes nothing of their answers; if it lacks more than it said, from their tokens. After any other failure,
   * its members run one by one, so that only the one that fails alone is given up.
   */
  failed(plan: StepPlan, error: unknown): Outcome[] {
    const members = plan.members.filter((sequence) => sequence.slot);
    const alreadyReported = plan.cacheEpoch !== this.cacheEpoch;
    if (alreadyReported || isCacheLoss(error)) {
      if (!alreadyReported && hasCode(error, 'CACHE_LOST')) this.cachesLost([]);
      for (const sequence of members) sequence.replays++;
      return members
        .filter((sequence) => sequence.replays > this.options.maxReplays)
        .map((sequence) => this.giveUp(sequence, error));
    }
    if (plan.members.length === 1) return members.map((sequence) => this.giveUp(sequence, error));
    for (const sequence of members) sequence.suspect = true;
    return [];
  }

  /** The runner holds no more than these first positions of each slot. */
  cachesLost(kept: readonly number[]): void {
    this.cacheEpoch++;
    this.pool.keep(kept);
  }

  /** A running sequence is computed again from its prompt on, in the slot that it has. */
  startOver(sequence: Sequence, generation: Generation): void {
    sequence.generation = generation;
    sequence.furthest = 0;
    sequence.replays = 0;
  }

  private accept(sequence: Sequence, logits: Float32Array): Outcome {
    try {
      const event = sequence.generation.accept(logits);
      if (event.finished) this.remove(sequence);
      return { sequence, event };
    } catch (error) {
      return this.giveUp(sequence, error);
    }
  }

  private giveUp(sequence: Sequence, error: unknown): Outcome {
    this.remove(sequence);
    return { sequence, error };
  }

  /** First come, first served: a large request is not overtaken for ever by small ones that still fit. */
  private admit(): Sequence[] {
    const admitted: Sequence[] = [];
    for (;;) {
      const sequence = this.waiting[0];
      if (!sequence || !this.pool.admit(sequence)) return admitted;
      this.waiting.shift();
      sequence.servedStep = this.stepCount;
      admitted.push(sequence);
    }
  }

  /** Who shares the next step's tokens, in the order that `fairShares` wants. */
  private nextMembers(): Sequence[] {
    const order = this.running.toSorted(
      (a, b) => a.servedStep - b.servedStep || pendingTokens(a) - pendingTokens(b),
    );
    const suspect = order.find((sequence) => sequence.suspect);
    return suspect ? [suspect] : order;
  }
}

/** A step that fails with one of these took caches with it, or found them gone. */
function isCacheLoss(error: unknown): boolean {
  return hasCode(error, 'DEVICE_LOST', 'LINK_TIMEOUT', 'CACHE_LOST');
}

function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof HearthError && codes.includes(error.code);
}

function noteProgress(sequence: Sequence): void {
  if (sequence.position <= sequence.furthest) return;
  sequence.furthest = sequence.position;
  sequence.replays = 0;
}

function pendingTokens(sequence: Sequence): number {
  return sequence.generation.tokens.length - sequence.position;
}

function stepInput(sequence: Sequence, count: number): StepInput {
  const { position: start } = sequence;
  const tokens = sequence.generation.tokens.slice(start, start + count);
  const logits = count === pendingTokens(sequence) ? 'last' : 'none';
  const best = sequence.generation.neededLogits;
  return { slot: sequence.slot!.index, start, count, logits, best, tokens };
}
