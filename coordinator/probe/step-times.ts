import {
  decodeFrame,
  defaultFrameLimits,
  type Frame,
  frameHeaderBytes,
  lastFlag,
} from '../../runtime/protocol/frame.ts';
import { sequenceBytes } from '../../runtime/protocol/step-frame.ts';

/** What one step took of a device: computing, and the way there and back, but not waiting for others. */
export interface StepTime {
  readonly milliseconds: number;
  readonly sequences: number;
  readonly tokens: number;
  /** Positions that all sequences together look back on. */
  readonly positions: number;
}

/** What all steps together brought over a device's link, and what they took of it. */
export interface StepTotals {
  steps: number;
  /** Partial sums that it sent, each to be added to others'. */
  syncs: number;
  upBytes: number;
  downBytes: number;
  /** Computing, and the way there and back. */
  ownMs: number;
  /** For others, in the middle of a step. */
  waitMs: number;
}

interface Step extends StepTime {
  milliseconds: number;
  /** When all was sent that the device needs to go on; undefined while it waits for others. */
  turnMs: number | undefined;
  /** When it began to wait for others. */
  waitsFromMs: number;
  /** Sums that it sent, and answers to them. */
  partials: number;
  answers: number;
}

/** Follows a device through its steps by what passes between it and the hub. Pure; times in ms of any monotonic clock. */
export class StepTimes {
  readonly totals: StepTotals = { steps: 0, syncs: 0, upBytes: 0, downBytes: 0, ownMs: 0, waitMs: 0 };
  #step: Step | undefined;

  sent(message: Uint8Array, nowMs: number): void {
    this.totals.downBytes += message.length;
    const frame = decodeFrame(message, defaultFrameLimits);
    const step = this.#step;
    if (frame.type === 'step') {
      // Without embeddings it waits for the residual of others.
      const turnMs = hasEmbeddings(frame) ? nowMs : undefined;
      const idle = { milliseconds: 0, waitsFromMs: nowMs, partials: 0, answers: 0 };
      this.#step = { ...sizesOf(frame), ...idle, turnMs };
    } else if (step && frame.type === 'residual') {
      if (step.turnMs === undefined) this.#goesOn(step, nowMs);
    } else if (step && (frame.type === 'partial' || frame.type === 'sum')) {
      step.answers += 1;
      // Of two devices each may be sent the other's sums before its own have come.
      if (step.answers === step.partials) this.#goesOn(step, nowMs);
    }
  }

  /** @returns what the step took, when it has ended */
  received({ type, flags, payload }: Frame, nowMs: number): StepTime | undefined {
    this.totals.upBytes += frameHeaderBytes + payload.length;
    const step = this.#step;
    if (!step || (type !== 'partial' && type !== 'logits')) return undefined;
    this.#took(step, step.turnMs === undefined ? 0 : nowMs - step.turnMs);
    if (type === 'logits') {
      step.turnMs = nowMs;
      if ((flags & lastFlag) === 0) return undefined;
      this.#step = undefined;
      this.totals.steps += 1;
      return step;
    }
    step.partials += 1;
    this.totals.syncs += 1;
    step.waitsFromMs = nowMs;
    step.turnMs = step.answers >= step.partials ? nowMs : undefined;
    return undefined;
  }

  #took(step: Step, milliseconds: number): void {
    step.milliseconds += milliseconds;
    this.totals.ownMs += milliseconds;
  }

  #goesOn(step: Step, nowMs: number): void {
    this.totals.waitMs += nowMs - step.waitsFromMs;
    step.turnMs = nowMs;
  }
}

function sizesOf({ index: sequences, rows: tokens, payload }: Frame): Omit<StepTime, 'milliseconds'> {
  const table = new DataView(payload.buffer, payload.byteOffset);
  let positions = 0;
  for (let i = 0; i < sequences; i += 1) positions += table.getUint32(sequenceBytes * i + 4, true);
  return { sequences, tokens, positions };
}

function hasEmbeddings({ index: sequences, payload }: Frame): boolean {
  return payload.length > sequences * sequenceBytes;
}
