import { type StepHeader, tokenCount } from '../../runtime/decoder/step.ts';
import type { Layout } from '../../runtime/plan/layout.ts';

/** What a step asks of a device at once. */
export interface StepShape {
  /** Tokens that are computed together: of all sequences, or of a micro-batch. */
  readonly tokens: number;
  /** Whether they are parts of prompts, rather than a token of each sequence. */
  readonly isPrompt: boolean;
}

/** What each rank computes at once. */
export function shapeOf(header: StepHeader, { microBatchTokens }: Layout): StepShape {
  const tokens = tokenCount(header);
  return { tokens: Math.min(tokens, microBatchTokens), isPrompt: tokens > header.sequences.length };
}

interface WatchedStep {
  readonly shape: StepShape;
  /** Since when nothing has been heard. */
  silentSinceMs: number;
  longestMs: number;
  isAsked: boolean;
}

/** Silence after which a device is asked whether it is there. */
const askAfterMs = 100;
/** Nobody is given up sooner: networks and schedulers have pauses of their own. */
const leastMs = 1_000;
/** For a device of which nothing is known yet. */
const unknownMs = 5_000;
/** By which it may be slower than it has been lately. */
const tolerance = 2;
/** By which what was long once is forgotten from step to step. */
const memory = 0.9;

/**
 * Judges a device in the middle of a step by its silence. It computes a layer at a time and answers pings in between, so
 * how long it is silent depends on its work, and what is too long on how long it was silent in steps before. Pure;
 * times in ms of any monotonic clock.
 */
export class Vigil {
  /** Longest silence lately: in steps of one token a sequence; in parts of prompts, and for each of their tokens. */
  #tokenMs: number | undefined;
  #promptMs: number | undefined;
  #promptTokenMs: number | undefined;
  #streams = false;
  #step: WatchedStep | undefined;

  begin(shape: StepShape, nowMs: number): void {
    this.#step = { shape, silentSinceMs: nowMs, longestMs: 0, isAsked: false };
  }

  heard(nowMs: number): void {
    const step = this.#step;
    if (!step) return;
    step.longestMs = Math.max(step.longestMs, nowMs - step.silentSinceMs);
    step.silentSinceMs = nowMs;
    step.isAsked = false;
  }

  /** Silence until now is no fault of the device: this process was away, or what it sent is still leaving. */
  excuse(nowMs: number): void {
    if (this.#step) this.#step.silentSinceMs = nowMs;
  }

  /** The step has ended, well or not. */
  end(): void {
    const step = this.#step;
    this.#step = undefined;
    // A step that was given up before the device said anything tells nothing of it.
    if (!step || step.longestMs === 0) return;
    const { isPrompt, tokens } = step.shape;
    if (isPrompt) {
      this.#promptMs = lately(this.#promptMs, step.longestMs);
      this.#promptTokenMs = lately(this.#promptTokenMs, step.longestMs / tokens);
    } else this.#tokenMs = lately(this.#tokenMs, step.longestMs);
  }

  /** Whether it waits for its disk in the middle of steps: what is known of it otherwise says nothing then. */
  streams(does: boolean): void {
    if (does === this.#streams) return;
    this.#streams = does;
    this.#tokenMs = undefined;
    this.#promptMs = undefined;
    this.#promptTokenMs = undefined;
  }

  /** Silence in the present step after which the device counts as gone. */
  get limitMs(): number {
    if (!this.#step) return Number.POSITIVE_INFINITY;
    const { isPrompt, tokens } = this.#step.shape;
    // Together tokens take no longer than one by one, and one no longer than many.
    const usualMs = isPrompt
      ? scaled(this.#promptTokenMs ?? this.#tokenMs, tokens)
      : (this.#tokenMs ?? this.#promptMs);
    return usualMs === undefined ? unknownMs : Math.max(leastMs, tolerance * usualMs);
  }

  /** To be asked about every `askAfterMs`. */
  verdict(nowMs: number): 'alive' | 'ping' | 'dead' {
    const step = this.#step;
    if (!step) return 'alive';
    const silentMs = nowMs - step.silentSinceMs;
    if (silentMs >= this.limitMs) return 'dead';
    if (step.isAsked || silentMs < askAfterMs) return 'alive';
    step.isAsked = true;
    return 'ping';
  }
}

function lately(before: number | undefined, now: number): number {
  return Math.max(memory * (before ?? 0), now);
}

function scaled(each: number | undefined, count: number): number | undefined {
  return each === undefined ? undefined : each * count;
}
