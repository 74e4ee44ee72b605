import type { StepHeader } from '../../runtime/decoder/step.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import { type Spot, syncOf } from './spot.ts';

/** A frame that a rank has sent in a step. */
export interface RecordedFrame {
  readonly rank: number;
  readonly frame: Frame;
}

/** All that went into a spot's part of a step, and what came out of it. */
export interface StepRecord {
  readonly header: StepHeader;
  /** float32 [tokens, hiddenSize] */
  readonly embeddings: Float32Array;
  /** Partials and residuals of all ranks as far as the spot, and what the spot's rank has answered. */
  readonly frames: readonly RecordedFrame[];
}

/** More than this of a step is not kept: another one will do. */
const mostBytes = 64 << 20;

/** Keeps what passes through the hub in one step, so that a part of it can be computed again. */
export class StepRecorder {
  readonly spot: Spot;
  readonly header: StepHeader;
  readonly #embeddings: Float32Array;
  readonly #lastSync: number;
  readonly #frames: RecordedFrame[] = [];
  #leftBytes: number;

  /** @param embeddings of which a copy is kept */
  constructor(spot: Spot, header: StepHeader, embeddings: Float32Array, layerCount: number) {
    this.spot = spot;
    this.header = header;
    this.#embeddings = embeddings.slice();
    this.#lastSync = syncOf(spot, layerCount);
    this.#leftBytes = mostBytes - embeddings.byteLength;
  }

  take(rank: number, frame: Frame): void {
    if (!this.#matters(rank, frame)) return;
    this.#leftBytes -= frame.payload.length;
    if (this.#leftBytes < 0) return;
    this.#frames.push({ rank, frame: { ...frame, payload: Uint8Array.from(frame.payload) } });
  }

  /** Undefined if the step was too long. */
  get record(): StepRecord | undefined {
    if (this.#leftBytes < 0) return undefined;
    return { header: this.header, embeddings: this.#embeddings, frames: this.#frames };
  }

  #matters(rank: number, { type, index }: Frame): boolean {
    if (type === 'partial') return index <= this.#lastSync;
    if (type === 'residual') return 2 * index <= this.#lastSync;
    return type === 'logits' && this.spot.kind === 'vocabulary' && rank === this.spot.rank;
  }
}
