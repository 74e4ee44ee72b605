import { type Clock, systemClock } from '../../device-agent/clock.ts';
import { type StepHeader, tokenCount } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import { type Operation, operations } from '../../runtime/profile/operations.ts';
import { SpanLog, type Spans, spanMemoryBytes } from '../../runtime/profile/recorder.ts';
import { type Frame, lastFlag } from '../../runtime/protocol/frame.ts';
import { decodeSpans } from '../../runtime/protocol/spans-frame.ts';
import type { Part, StepRecord } from './step-record.ts';

/** Steps that count and are not complete: the one under way, and the one before. More means that spans were lost. */
const maxPending = 4;
/** Spans of one device in one step: more than a token of the largest models has on all its threads. */
const maxDeviceSpans = 1 << 20;

interface Device {
  readonly name: string;
  answeredMs: number;
  readonly threads: Spans[];
  spans: number;
  complete: boolean;
}

interface PendingStep extends Omit<StepRecord, 'devices' | 'coordinator' | 'endMs'> {
  readonly devices: readonly Device[];
  sentMs: number;
  /** Once the step has ended. */
  own: Pick<StepRecord, 'coordinator' | 'endMs'> | undefined;
}

/**
 * Watches a cluster's steps from the coordinator: notes its own time, and gathers what the devices send of theirs.
 * The cluster tells it of each step; whoever wants a profile says which steps are to count.
 */
export class Profiler {
  readonly #onStep: (step: StepRecord) => void;
  readonly #clock: Clock;
  readonly #log: SpanLog;
  #names: readonly string[] = [];
  #recording: Part | 'any' | undefined;
  /** Up to where the coordinator's time has been noted. */
  #notedMs = 0;
  /** The step under way, if it counts. */
  #open: PendingStep | undefined;
  /** By step id. */
  readonly #pending = new Map<number, PendingStep>();
  #incomplete = 0;

  /** @param onStep hears of each step that counts, once all devices have told of it */
  constructor(onStep: (step: StepRecord) => void, clock: Clock = systemClock) {
    this.#onStep = onStep;
    this.#clock = clock;
    this.#log = new SpanLog(new ArrayBuffer(spanMemoryBytes()), () => clock.nowMs());
  }

  /** Steps of which not all spans came, because they failed or a device was lost. */
  get incomplete(): number {
    return this.#incomplete;
  }

  /** From here on steps count, as this part; or each as the part that its tokens make it. */
  start(part: Part | 'any' = 'any'): void {
    this.#recording = part;
    this.#notedMs = this.#clock.nowMs();
  }

  /** From here on they do not. Resolves when the spans of those that did are here, or will not come. */
  async stop(waitMs = 2_000): Promise<void> {
    this.#recording = undefined;
    const endMs = this.#clock.nowMs() + waitMs;
    while (this.#pending.size > 0 && this.#clock.nowMs() < endMs)
      await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#giveUp(0);
  }

  /** The devices have been dealt their tiles: these, in the order of their ranks. */
  formed(names: readonly string[]): void {
    this.#names = names;
    this.#giveUp(0);
  }

  /** The coordinator turns to a step. */
  opened(header: StepHeader): void {
    this.#open = undefined;
    if (!this.#recording) return;
    this.#giveUp(maxPending - 1);
    const tokens = tokenCount(header);
    const kind = tokens > header.sequences.length ? 'prefill' : 'decode';
    this.#open = {
      stepId: header.stepId,
      part: this.#recording === 'any' ? kind : this.#recording,
      tokens,
      startMs: this.#notedMs,
      sentMs: 0,
      devices: this.#names.map((name) => ({ name, answeredMs: 0, threads: [], spans: 0, complete: false })),
      own: undefined,
    };
    this.#pending.set(header.stepId, this.#open);
    this.#log.begin(this.#notedMs);
    this.#log.mark(operations.between);
  }

  /** The coordinator has just done this, in the step that is open. */
  mark(operation: Operation): void {
    if (this.#open) this.#log.mark(operation);
  }

  /** The step is now sent to all. */
  sending(): void {
    if (!this.#open) return;
    this.#log.mark(operations.embed);
    this.#open.sentMs = this.#log.endMs;
  }

  /** The coordinator turns to a frame of a device. */
  arrived(rank: number, { type, flags }: Frame): void {
    if (!this.#open) return;
    this.#log.mark(operations.devices);
    if (type === 'logits' && flags === lastFlag) this.#open.devices[rank]!.answeredMs = this.#log.endMs;
  }

  /** All devices have answered. */
  ended(): void {
    const step = this.#open;
    if (!step) return;
    this.#open = undefined;
    this.#notedMs = this.#log.endMs;
    step.own = { coordinator: this.#log.take(), endMs: this.#notedMs };
    this.#tellIfComplete(step);
  }

  /**
   * What one thread of a device did in a step; of a step that does not count, it is only checked.
   * @throws HearthError FRAME_MALFORMED, PROTOCOL_UNEXPECTED_MESSAGE
   */
  receive(rank: number, frame: Frame): void {
    const spans = decodeSpans(frame);
    const step = this.#pending.get(frame.id);
    if (!step) return;
    const device = step.devices[rank]!;
    device.spans += spans.operations.length;
    const answered = device.answeredMs > 0;
    const inOrder = !device.complete && frame.index === device.threads.length;
    if (!answered || !inOrder || device.spans > maxDeviceSpans)
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `spans of thread ${frame.index} are not due`);
    device.threads.push(spans);
    device.complete = frame.flags === lastFlag;
    this.#tellIfComplete(step);
  }

  #tellIfComplete({ own, devices, sentMs, ...step }: PendingStep): void {
    if (!own || !devices.every(({ complete }) => complete)) return;
    this.#pending.delete(step.stepId);
    const records = devices.map(({ name, answeredMs, threads }) => ({ name, sentMs, answeredMs, threads }));
    this.#onStep({ ...step, ...own, devices: records });
  }

  /** Lets go of the oldest steps, down to so many. */
  #giveUp(most: number): void {
    for (const stepId of this.#pending.keys()) {
      if (this.#pending.size <= most) return;
      this.#pending.delete(stepId);
      this.#incomplete += 1;
    }
  }
}
