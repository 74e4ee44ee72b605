import { LogitPicker } from '../runtime/decoder/logit-picker.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import {
  type ExchangeEvent,
  type LogitPart,
  type StepEvent,
  type StepHeader,
  tokenCount,
  wantedRows,
} from '../runtime/decoder/step.ts';
import { HearthError } from '../runtime/error.ts';
import { takesEmbeddings } from '../runtime/plan/plan.ts';
import { operations } from '../runtime/profile/operations.ts';
import { type Recorder, silentRecorder } from '../runtime/profile/recorder.ts';
import { reportOf } from '../runtime/protocol/error-report.ts';
import { type Frame, showSumsFlag, unexpected } from '../runtime/protocol/frame.ts';
import { encodeLogits } from '../runtime/protocol/logits-frame.ts';
import type { Configure, ControlMessage } from '../runtime/protocol/messages.ts';
import { encodeSpans } from '../runtime/protocol/spans-frame.ts';
import { decodeStep, type StepBounds } from '../runtime/protocol/step-frame.ts';
import { type Clock, once } from './clock.ts';
import type { RankHost } from './create-rank.ts';
import { DutyCycle } from './duty-cycle.ts';
import { filledKvRuns, restoreKvRuns } from './kv-runs.ts';
import type { Logger } from './logger.ts';
import { StepExchange } from './step-exchange.ts';
import { StepInbox } from './step-inbox.ts';

export interface RunnerOutput {
  readonly frame: (frame: Uint8Array) => void;
  readonly control: (message: ControlMessage) => void;
  /** The rank cannot compute any more. */
  readonly lost: (error: HearthError) => void;
  /** What others have sent was not sound. */
  readonly failed: (error: unknown) => void;
}

export interface RunnerTools {
  readonly clock: Clock;
  readonly logger: Logger;
  /** See `SessionOptions`. */
  readonly effort?: (() => number) | undefined;
}

interface Run {
  readonly header: StepHeader;
  readonly steps: Generator<StepEvent, readonly LogitPart[], void>;
  readonly exchange: StepExchange;
  /** What the rank waits for and others have not sent. */
  waiting: ExchangeEvent | undefined;
  /** Between two slices, or while a GPU computes. */
  paused: boolean;
}

/** A step that computes for longer lets messages in between two layers: pings must be answered. */
const sliceMs = 100;
/** From one report of memory to the next. */
const reportMs = 2000;

/**
 * Drives a loaded rank through its steps: sends what others need of it, puts in place what it needs of them, and
 * answers with its logits. What a step throws ends that step alone.
 */
export class RankRunner {
  readonly host: RankHost;
  readonly #configurationId: number;
  readonly #copiesKv: boolean;
  readonly #recorder: Recorder;
  readonly #inboxFor: (tokens: number) => StepInbox;
  readonly #bounds: RankOptions & StepBounds;
  readonly #output: RunnerOutput;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dutyCycle: DutyCycle;
  readonly #picker = new LogitPicker();
  #lastStepId = -1;
  #run: Run | undefined;
  #steps = 0;
  #reportedMs = 0;

  constructor(
    host: RankHost,
    { configurationId, description, assignment, options, copiesKv }: Configure,
    output: RunnerOutput,
    { clock, logger, effort = () => 1 }: RunnerTools,
  ) {
    this.host = host;
    this.#configurationId = configurationId;
    this.#copiesKv = copiesKv;
    this.#recorder = host.profile?.recorder ?? silentRecorder;
    const { hiddenSize, layerCount } = description.config;
    this.#inboxFor = (tokens) => new StepInbox(assignment, layerCount, tokens);
    this.#bounds = { ...options, hiddenSize, embedded: takesEmbeddings(assignment) };
    this.#output = output;
    this.#clock = clock;
    this.#logger = logger;
    this.#dutyCycle = new DutyCycle(effort);
  }

  /**
   * Opens a step; one that is still running is abandoned.
   * @throws HearthError FRAME_MALFORMED, PROTOCOL_UNEXPECTED_MESSAGE
   */
  begin(frame: Frame): void {
    const { header, embeddings } = decodeStep(frame, this.#bounds);
    if (header.stepId <= this.#lastStepId)
      throw unexpected(`step ${header.stepId} came after ${this.#lastStepId}`);
    this.abandon();
    this.host.profile?.begin();
    this.#lastStepId = header.stepId;
    const { rank } = this.host;
    const inbox = this.#inboxFor(tokenCount(header));
    const shows = (frame.flags & showSumsFlag) !== 0;
    const run: Run = {
      header,
      steps: rank.step(header, embeddings),
      exchange: new StepExchange(header.stepId, inbox, rank, this.#output.frame, this.#recorder, shows),
      waiting: undefined,
      paused: false,
    };
    this.#run = run;
    this.#advance(run);
  }

  /**
   * Takes what other ranks have sent. Of a step that has ended here it is ignored: the others may not know yet.
   * @throws HearthError FRAME_MALFORMED, PROTOCOL_UNEXPECTED_MESSAGE
   */
  receive(frame: Frame): void {
    const run = this.#run;
    if (frame.id < this.#lastStepId || (frame.id === this.#lastStepId && !run)) return;
    if (!run || frame.id !== this.#lastStepId) throw unexpected(`step ${frame.id} has not begun`);
    run.exchange.put(frame);
    if (run.paused) return;
    this.#recorder.mark(operations.otherRanks);
    this.#advance(run);
  }

  /** Forgets a slot's positions. */
  release(slot: number): void {
    if (slot >= this.#bounds.maxSequences)
      throw unexpected(`there is no slot ${slot} of ${this.#bounds.maxSequences}`);
    this.abandon();
    this.host.rank.release(slot);
  }

  /** Takes runs of KV that were computed elsewhere. @throws HearthError FRAME_MALFORMED, as `restoreKvRuns` */
  restoreKv(frame: Frame): void {
    this.abandon();
    restoreKvRuns(this.host.rank, frame);
  }

  abandon(): void {
    this.#run?.steps.return([]);
    this.#run = undefined;
  }

  /**
   * Computes until others are to be waited for, to the end, or until the slice is over.
   * @throws HearthError FRAME_MALFORMED for what others have sent
   */
  #advance(run: Run): void {
    const sliceEndMs = this.#clock.nowMs() + sliceMs;
    while (!run.waiting || run.exchange.answer(run.waiting)) {
      run.waiting = undefined;
      const beganMs = this.#clock.nowMs();
      if (beganMs >= sliceEndMs) {
        this.#pause(run, (goOn) => this.#clock.soon(goOn));
        return;
      }
      const result = this.#next(run);
      if (!result) return;
      if (result.done) {
        this.#finish(run, result.value);
        return;
      }
      if (result.value.kind === 'awaitTiles') {
        // While its GPU computes a device does not rest.
        const { ready } = result.value;
        const end = () => this.#dutyCycle.add(this.#clock.nowMs() - beganMs);
        this.#pause(run, (goOn) => void ready.then(end).then(goOn));
        return;
      }
      run.waiting = result.value;
      const restMs = this.#dutyCycle.computed(this.#clock.nowMs() - beganMs);
      if (restMs > 0) {
        this.#pause(run, (goOn) => once(this.#clock, restMs, goOn));
        return;
      }
    }
  }

  #pause(run: Run, until: (goOn: () => void) => void): void {
    run.paused = true;
    until(() => this.#resume(run));
  }

  /** @returns undefined if the step has failed */
  #next(run: Run): IteratorResult<StepEvent, readonly LogitPart[]> | undefined {
    try {
      return run.steps.next();
    } catch (error) {
      this.#fail(run, error);
      return undefined;
    }
  }

  #resume(run: Run): void {
    if (this.#run !== run) return;
    run.paused = false;
    this.#recorder.mark(operations.messages);
    try {
      this.#advance(run);
    } catch (error) {
      this.#output.failed(error);
    }
  }

  /** Says what its rank takes and streams. */
  reportMemory(): void {
    this.#reportedMs = this.#clock.nowMs();
    const configurationId = this.#configurationId;
    this.#output.control({ type: 'memory', configurationId, ...this.host.memory(), steps: this.#steps });
  }

  #finish({ header }: Run, parts: readonly LogitPart[]): void {
    this.#run = undefined;
    this.#steps += 1;
    for (const frame of encodeLogits(header.stepId, wantedRows(header), parts, this.#picker)) {
      // Before it leaves: the last one ends the step, wherever this thread may be held up afterwards.
      this.#recorder.mark(operations.answer);
      this.#output.frame(frame);
    }
    const spans = this.host.profile?.end() ?? [];
    for (const frame of encodeSpans(header.stepId, spans)) this.#output.frame(frame);
    // The others have their logits: this holds up nobody but the next step's frames.
    const copies = this.#copiesKv ? filledKvRuns(this.host.rank, header) : [];
    for (const frame of copies) this.#output.frame(frame);
    if (this.#clock.nowMs() - this.#reportedMs >= reportMs) this.reportMemory();
  }

  #fail({ header }: Run, error: unknown): void {
    this.#run = undefined;
    this.#logger.error({ stepId: header.stepId, error }, 'a step failed');
    if (error instanceof HearthError && error.code === 'TILE_UNREADABLE') this.#output.lost(error);
    else this.#output.control({ type: 'stepFailed', stepId: header.stepId, ...reportOf(error) });
  }
}
