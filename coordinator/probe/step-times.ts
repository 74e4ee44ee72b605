import { decodeFrame, defaultFrameLimits, type Frame, lastFlag } from '../../runtime/protocol/frame.ts';
import { sequenceBytes } from '../../runtime/protocol/step-frame.ts';

/** What one step took of a device: computing, and the way there and back, but not waiting for others. */
export interface StepTime {
  readonly milliseconds: number;
  readonly sequences: number;
  readonly tokens: number;
  /** Positions that all sequences together look back on. */
  readonly positions: number;
}

interface Step extends StepTime {
  milliseconds: number;
  /** When all was sent that the device needs to go on; undefined while it waits for others. */
  turnMs: number | undefined;
  /** Sums that it sent, and answers to them. */
  partials: number;
  answers: number;
}

/** Follows a device through its steps by what passes between it and the hub. Pure; times in ms of any monotonic clock. */
export class StepTimes {
  #step: Step | undefined;

  sent(message: Uint8Array, nowMs: number): void {
    const frame = decodeFrame(message, defaultFrameLimits);
    const step = this.#step;
    if (frame.type === 'step') {
      // Without embeddings it waits for the residual of others.
      const turnMs = hasEmbeddings(frame) ? nowMs : undefined;
      this.#step = { ...sizesOf(frame), milliseconds: 0, turnMs, partials: 0, answers: 0 };
    } else if (step && frame.type === 'residual') {
      step.turnMs ??= nowMs;
    } else if (step && (frame.type === 'partial' || frame.type === 'sum')) {
      step.answers += 1;
      // Of two devices each may be sent the other's sums before its own have come.
      if (step.answers === step.partials) step.turnMs = nowMs;
    }
  }

  /** @returns what the step took, when it has ended */
  received({ type, flags }: Frame, nowMs: number): StepTime | undefined {
    const step = this.#step;
    if (!step || (type !== 'partial' && type !== 'logits')) return undefined;
    if (step.turnMs !== undefined) step.milliseconds += nowMs - step.turnMs;
    if (type === 'logits') {
      step.turnMs = nowMs;
      if ((flags & lastFlag) === 0) return undefined;
      this.#step = undefined;
      return step;
    }
    step.partials += 1;
    step.turnMs = step.answers >= step.partials ? nowMs : undefined;
    return undefined;
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
