import { encodePlanes, type SyncPoint } from '../runtime/collective/partial-frame.ts';
import { reduceInPlace } from '../runtime/collective/rank-sync.ts';
import type { Rank } from '../runtime/decoder/rank.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import {
  type LogitPart,
  logitRowCount,
  type PartialSum,
  type StepHeader,
  tokenCount,
} from '../runtime/decoder/step.ts';
import { HearthError } from '../runtime/error.ts';
import { operations } from '../runtime/profile/operations.ts';
import { type Recorder, silentRecorder } from '../runtime/profile/recorder.ts';
import type { StepProfile } from '../runtime/profile/step-profile.ts';
import { reportOf } from '../runtime/protocol/error-report.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import { encodeLogits } from '../runtime/protocol/logits-frame.ts';
import type { Configure, ControlMessage, MemoryUse } from '../runtime/protocol/messages.ts';
import { encodeSpans } from '../runtime/protocol/spans-frame.ts';
import { decodeStep } from '../runtime/protocol/step-frame.ts';
import type { Tile } from '../runtime/protocol/tile-frame.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** What a session needs of a rank, so that a test may script one. */
export type ComputingRank = Pick<Rank, 'step' | 'codecOf' | 'release'>;

/** A rank and what keeps it going. */
export interface RankHost {
  readonly rank: ComputingRank;
  /**
   * Gets its tiles and starts its threads; settles when both are done.
   * @param report is told at once which tiles must be sent
   * @throws HearthError THREAD_LOST, FILE_*, CACHE_WRITE_FAILED, or what cutting tiles throws
   */
  load(report: LoadReport): Promise<void>;
  /**
   * Takes a tile that was sent.
   * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE if it is not one that was wanted, TILE_CORRUPT
   */
  deliver(tile: Tile): void;
  /** What it takes and streams, the steps apart, which its runner counts. */
  memory(): Omit<MemoryUse, 'steps'>;
  /** Where its threads' time goes, if that was asked for. */
  readonly profile?: StepProfile | undefined;
  /** Ends its threads; the memory goes with it. */
  close(): void;
}

/** What a rank host tells of its tiles. */
export interface LoadReport {
  /** These must be sent: called once for all that are not here, then for what turns out to be damaged. */
  wanted(tileIds: readonly number[]): void;
  /** This one is where it should be. @param tileHash zeros if nobody has hashed it */
  loaded(tileId: number, tileHash: Uint8Array): void;
}

/** What a device is told to be. */
export type RankSetup = Omit<Configure, 'type' | 'configurationId'>;

/** @throws HearthError MEMORY_EXHAUSTED, KERNEL_UNAVAILABLE */
export type CreateRank = (setup: RankSetup) => RankHost;

export interface RunnerOutput {
  readonly frame: (frame: Uint8Array) => void;
  readonly control: (message: ControlMessage) => void;
  /** The rank cannot compute any more. */
  readonly lost: (error: HearthError) => void;
}

interface Run {
  readonly header: StepHeader;
  readonly steps: Generator<PartialSum, readonly LogitPart[], void>;
  /** The sync at which the rank waits for the others. */
  waiting: PartialSum | undefined;
}

/** A step that computes for longer lets messages in between two layers: pings must be answered. */
const sliceMs = 100;
/** From one report of memory to the next. */
const reportMs = 2000;

/**
 * Drives a loaded rank through its steps: sends its partial sums, puts the total in their place, resumes it, and
 * answers with its logits. What a step throws ends that step alone.
 */
export class RankRunner {
  readonly #host: RankHost;
  readonly #configurationId: number;
  readonly #recorder: Recorder;
  readonly #worldSize: number;
  readonly #bounds: RankOptions & { readonly hiddenSize: number };
  readonly #output: RunnerOutput;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lastStepId = -1;
  #run: Run | undefined;
  #steps = 0;
  #reportedMs = 0;

  constructor(
    host: RankHost,
    { configurationId, description, assignment, options }: Configure,
    output: RunnerOutput,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#host = host;
    this.#configurationId = configurationId;
    this.#recorder = host.profile?.recorder ?? silentRecorder;
    this.#worldSize = assignment.worldSize;
    this.#bounds = { ...options, hiddenSize: description.config.hiddenSize };
    this.#output = output;
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Opens a step; one that is still running is abandoned.
   * @throws HearthError FRAME_MALFORMED, PROTOCOL_UNEXPECTED_MESSAGE
   */
  begin(frame: Frame): void {
    const { header, embeddings } = decodeStep(frame, this.#bounds);
    if (header.stepId <= this.#lastStepId)
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `step ${header.stepId} came after ${this.#lastStepId}`,
      );
    this.abandon();
    this.#host.profile?.begin();
    this.#lastStepId = header.stepId;
    this.#run = { header, steps: this.#host.rank.step(header, embeddings), waiting: undefined };
    this.#advance(this.#run);
  }

  /**
   * Takes the other ranks' part of a sync. Of a step that has ended here it is ignored: the others may not
   * know yet.
   * @throws HearthError FRAME_MALFORMED, PROTOCOL_UNEXPECTED_MESSAGE
   */
  reduce(frame: Frame): void {
    const run = this.#run;
    if (frame.id < this.#lastStepId || (frame.id === this.#lastStepId && !run)) return;
    if (!run?.waiting)
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `a ${frame.type} came while no sync was waiting for it`,
      );
    this.#recorder.mark(operations.otherRanks);
    const point = this.#point(run.header, run.waiting);
    const codec = this.#host.rank.codecOf(point.syncIndex);
    reduceInPlace(run.waiting, point, frame, this.#worldSize, codec);
    this.#recorder.mark(operations.exchange);
    run.waiting = undefined;
    this.#advance(run);
  }

  /** Forgets a slot's positions. */
  release(slot: number): void {
    if (slot >= this.#bounds.maxSequences)
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `there is no slot ${slot} of ${this.#bounds.maxSequences}`,
      );
    this.abandon();
    this.#host.rank.release(slot);
  }

  /** The end of this rank. */
  close(): void {
    this.abandon();
    this.#host.close();
  }

  abandon(): void {
    this.#run?.steps.return([]);
    this.#run = undefined;
  }

  /** Computes to the next sync with others, to the end, or until the slice is over. */
  #advance(run: Run): void {
    const sliceEndMs = this.#clock.nowMs() + sliceMs;
    try {
      let result = run.steps.next();
      while (!result.done && this.#worldSize === 1) {
        if (this.#clock.nowMs() >= sliceEndMs) {
          this.#clock.soon(() => this.#resume(run));
          return;
        }
        result = run.steps.next();
      }
      if (result.done) this.#finish(run, result.value);
      else this.#share(run, result.value);
    } catch (error) {
      this.#fail(run, error);
    }
  }

  #resume(run: Run): void {
    if (this.#run !== run) return;
    this.#recorder.mark(operations.messages);
    this.#advance(run);
  }

  #share(run: Run, sum: PartialSum): void {
    run.waiting = sum;
    const codec = this.#host.rank.codecOf(sum.syncIndex);
    this.#output.frame(encodePlanes('partial', this.#point(run.header, sum), sum, codec));
    this.#recorder.mark(operations.exchange);
  }

  /** Says what its rank takes and streams. */
  reportMemory(): void {
    this.#reportedMs = this.#clock.nowMs();
    const configurationId = this.#configurationId;
    this.#output.control({ type: 'memory', configurationId, ...this.#host.memory(), steps: this.#steps });
  }

  #finish({ header }: Run, parts: readonly LogitPart[]): void {
    this.#run = undefined;
    this.#steps += 1;
    for (const frame of encodeLogits(header.stepId, logitRowCount(header), parts)) {
      // Before it leaves: the last one ends the step, wherever this thread may be held up afterwards.
      this.#recorder.mark(operations.answer);
      this.#output.frame(frame);
    }
    const spans = this.#host.profile?.end() ?? [];
    for (const frame of encodeSpans(header.stepId, spans)) this.#output.frame(frame);
    if (this.#clock.nowMs() - this.#reportedMs >= reportMs) this.reportMemory();
  }

  #fail({ header }: Run, error: unknown): void {
    this.#run = undefined;
    this.#logger.error({ stepId: header.stepId, error }, 'a step failed');
    if (error instanceof HearthError && error.code === 'TILE_UNREADABLE') this.#output.lost(error);
    else this.#output.control({ type: 'stepFailed', stepId: header.stepId, ...reportOf(error) });
  }

  #point(header: StepHeader, { syncIndex }: PartialSum): SyncPoint {
    return { stepId: header.stepId, syncIndex, tokens: tokenCount(header) };
  }
}
