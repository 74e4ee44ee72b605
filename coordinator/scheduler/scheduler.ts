import { type Clock, once, systemClock } from '../../device-agent/clock.ts';
import { HearthError } from '../../runtime/error.ts';
import type { AnswerVocabulary } from '../../runtime/generation/answer-vocabulary.ts';
import { longestSequence } from '../../runtime/generation/generate.ts';
import { Generation } from '../../runtime/generation/generation.ts';
import type { GenerationLimits, GenerationRequest } from '../../runtime/generation/request.ts';
import type { StepRunner } from '../../runtime/generation/step-runner.ts';
import type { SamplingMath } from '../../runtime/sampling/math.ts';
import { Answer } from './answer.ts';
import { type Outcome, Schedule, type ScheduleOptions, type StepPlan } from './schedule.ts';
import type { Sequence } from './slot.ts';
import { Told } from './told.ts';

export interface SchedulerOptions extends Partial<ScheduleOptions> {
  readonly runner: StepRunner;
  readonly vocabulary: AnswerVocabulary;
  readonly math: SamplingMath;
  /** Pause before a step is tried again after a device left. */
  readonly replayDelayMs?: number;
  readonly clock?: Clock;
}

export interface SchedulerStatus {
  readonly running: number;
  readonly waiting: number;
  readonly slots: number;
  readonly kvPages: number;
  readonly reservedKvPages: number;
  /** Of all answers so far. */
  readonly answerTokens: number;
}

/** An answer that is not at its end. */
interface LiveAnswer {
  readonly answer: Answer;
  readonly request: GenerationRequest;
  readonly told: Told;
  readonly forgetSignal: () => void;
}

/** Runs many requests over one runner: the shell with clock and promises around `Schedule`. */
export class Scheduler {
  /** What a request has to fit in. */
  readonly limits: GenerationLimits;
  private readonly runner: StepRunner;
  private readonly vocabulary: AnswerVocabulary;
  private readonly math: SamplingMath;
  private readonly replayDelayMs: number;
  private readonly clock: Clock;
  private readonly schedule: Schedule;
  private readonly live = new Map<Sequence, LiveAnswer>();
  private pumping: Promise<void> | undefined;
  private closed = false;
  private answerTokens = 0;

  constructor(options: SchedulerOptions) {
    const { runner, maxWaiting = 64, maxReplays = 20 } = options;
    this.runner = runner;
    this.limits = { vocabSize: runner.vocabSize, contextLength: longestSequence(runner.limits) };
    this.vocabulary = options.vocabulary;
    this.math = options.math;
    this.replayDelayMs = options.replayDelayMs ?? 10;
    this.clock = options.clock ?? systemClock;
    this.schedule = new Schedule(runner.limits, { maxWaiting, maxReplays });
  }

  /**
   * Queues a request; its answer can be read at once.
   * @param signal takes the request out before the next step
   * @param tokens of its answer, where they are known from an earlier life of the request
   * @throws HearthError SERVER_BUSY; REQUEST_INVALID naming the field; CONTEXT_FULL; REQUEST_CANCELLED
   */
  submit(request: GenerationRequest, signal?: AbortSignal, tokens: readonly number[] = []): Answer {
    if (this.closed) throw new HearthError('SERVER_BUSY', 'the server is stopping');
    if (signal?.aborted) throw cancelled();
    const generation = this.begin(request);
    const restored = tokens.map((token) => generation.restore(token));
    const last = restored.at(-1);
    const sequence = this.schedule.add(generation, restored.length > 0);
    const cancel = (): void => this.fail(sequence, cancelled());
    const text = restored.map((event) => event.text).join('');
    const answer = new Answer(sequence, this.clock.nowMs(), { tokens: tokens.length, text }, cancel);
    signal?.addEventListener('abort', cancel);
    const forgetSignal = (): void => signal?.removeEventListener('abort', cancel);
    this.live.set(sequence, { answer, request, told: new Told(restored), forgetSignal });
    // Its end was written down, but not yet told.
    if (last?.finished) {
      this.schedule.remove(sequence);
      answer.push({ ...last, text: '' }, this.clock.nowMs());
      this.forget(sequence);
    }
    this.pumping ??= this.pump();
    return answer;
  }

  /** The runner has kept so many first positions of each slot: what follows is computed again from its tokens. */
  cachesLost(kept: readonly number[]): void {
    this.schedule.cachesLost(kept);
  }

  /**
   * What the runner has computed may be wrong, and a step that is under way will fail: all that run begin again with
   * their prompts. What has been told already is not told again; where it turns out to be wrong, readers are told what
   * stands in its place.
   */
  startOver(): void {
    this.schedule.cachesLost([]);
    for (const sequence of this.schedule.running) {
      const live = this.live.get(sequence);
      if (!live) continue;
      this.schedule.startOver(sequence, this.begin(live.request));
      live.told.startOver();
    }
  }

  get status(): SchedulerStatus {
    return {
      running: this.schedule.running.length,
      waiting: this.schedule.waitingCount,
      slots: this.runner.limits.maxSequences,
      kvPages: this.runner.limits.kvPages,
      reservedKvPages: this.schedule.reservedPages,
      answerTokens: this.answerTokens,
    };
  }

  /** Cancels all requests and waits for the step under way. */
  async close(): Promise<void> {
    this.closed = true;
    for (const sequence of this.live.keys()) this.fail(sequence, cancelled());
    await this.pumping;
  }

  /** Runs step after step until there is nothing to do. */
  private async pump(): Promise<void> {
    // Requests that arrive together start together.
    await this.nextTurn();
    for (;;) {
      const plan = this.schedule.next();
      if (!plan) break;
      for (const sequence of plan.admitted) this.live.get(sequence)?.answer.admitted(this.clock.nowMs());
      for (const outcome of await this.run(plan)) this.deliver(outcome);
      // A runner in this process may answer without ever letting sockets and timers have their turn.
      await this.nextTurn();
    }
    this.pumping = undefined;
  }

  private nextTurn(): Promise<void> {
    return new Promise((resolve) => this.clock.soon(resolve));
  }

  private async run(plan: StepPlan): Promise<Outcome[]> {
    try {
      for (const slot of plan.releases) this.runner.release(slot);
      return this.schedule.succeeded(plan, await this.runner.step(plan.inputs));
    } catch (error) {
      const outcomes = this.schedule.failed(plan, error);
      const replaying = plan.members.some((sequence) => sequence.replays > 0);
      if (replaying) await new Promise<void>((resolve) => once(this.clock, this.replayDelayMs, resolve));
      return outcomes;
    }
  }

  private deliver(outcome: Outcome): void {
    if ('error' in outcome) {
      this.fail(outcome.sequence, outcome.error);
      return;
    }
    const { sequence, event } = outcome;
    this.answerTokens += 1;
    const live = this.live.get(sequence);
    const news = live?.told.next(event);
    if (news) live?.answer.push(news, this.clock.nowMs());
    if (event.finished) this.forget(sequence);
  }

  private begin(request: GenerationRequest): Generation {
    return new Generation(request, this.limits, this.vocabulary, this.math);
  }

  private fail(sequence: Sequence, error: unknown): void {
    this.schedule.remove(sequence);
    this.live.get(sequence)?.answer.fail(error);
    this.forget(sequence);
  }

  private forget(sequence: Sequence): void {
    this.live.get(sequence)?.forgetSignal();
    this.live.delete(sequence);
  }
}

function cancelled(): HearthError {
  return new HearthError('REQUEST_CANCELLED', 'the request was cancelled');
}
