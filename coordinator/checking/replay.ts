import { addPlanes, replacePlanes } from '../../runtime/collective/partial-frame.ts';
import type { PlaneCodec, Planes } from '../../runtime/collective/plane-codec.ts';
import { takeResidual } from '../../runtime/collective/residual-frame.ts';
import type { Rank } from '../../runtime/decoder/rank.ts';
import {
  type LogitPart,
  type PartialSum,
  type StepEvent,
  type StepHeader,
  tokenCount,
} from '../../runtime/decoder/step.ts';
import { assert } from '../../runtime/error.ts';
import { type Frame, packTokens } from '../../runtime/protocol/frame.ts';
import { decodeLogits } from '../../runtime/protocol/logits-frame.ts';
import { compareLogits } from './compare-logits.ts';
import { compareBits, type Difference } from './difference.ts';
import { type Spot, syncOf } from './spot.ts';
import type { StepRecord } from './step-record.ts';

export interface ReplayOptions {
  readonly spot: Spot;
  readonly record: StepRecord;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly vocabSize: number;
  /** Tokens of the step whose sums must be right, by their places in it. */
  readonly compared: ReadonlySet<number>;
}

/**
 * Takes a rank that holds a spot's tiles and no others through a step: it hears what the spot's rank heard, adds up what
 * all ranks have sent, and must come to what the spot's rank has sent.
 */
export class Replay {
  readonly #rank: Rank;
  readonly #options: ReplayOptions;
  readonly #sync: number;
  readonly #codec: PlaneCodec;
  /** What the spot's rank has sent, unpacked. */
  readonly #sent: Planes;
  #difference: Difference | undefined;
  #leftTokens: number;

  constructor(rank: Rank, options: ReplayOptions) {
    const { spot, record, layerCount, hiddenSize } = options;
    this.#rank = rank;
    this.#options = options;
    this.#sync = syncOf(spot, layerCount);
    this.#leftTokens = tokenCount(record.header);
    this.#codec = rank.codecOf(0);
    // Before the step: views of memory that grows afterwards are no more.
    this.#sent = this.#codec.allocatePlanes(this.#leftTokens * hiddenSize);
  }

  /**
   * @param header of the record; where a sequence starts matters for attention alone
   * @param embeddings for a rank that computes the first layer, else empty
   * @returns undefined if all is as it should be
   */
  run(header: StepHeader, embeddings: Float32Array): Difference | undefined {
    const steps = this.#rank.step(header, embeddings);
    for (let next = steps.next(); ; next = steps.next()) {
      if (next.done) return this.#compareLogits(next.value);
      this.#answer(next.value);
      if (this.#difference || this.#leftTokens === 0) {
        steps.return([]);
        return this.#difference;
      }
    }
  }

  #answer(event: StepEvent): void {
    if (event.kind === 'sendSum' && event.sum.syncIndex === this.#sync) this.#compareSum(event.sum);
    else if (event.kind === 'awaitSum') this.#addUp(event.sum);
    else if (event.kind === 'awaitResidual') {
      const { layer } = event.residual;
      const [frame] = this.#find('residual', layer, packTokens(event.residual));
      assert(frame !== undefined, 'a residual was recorded', layer);
      takeResidual(event.residual, frame);
    }
  }

  /** What all ranks have sent takes the place of what this one lacks. */
  #addUp(sum: PartialSum): void {
    const [first, ...others] = this.#find('partial', sum.syncIndex, packTokens(sum));
    assert(first !== undefined, 'sums were recorded', sum.syncIndex);
    replacePlanes(sum, first, this.#codec);
    for (const frame of others) addPlanes(sum, frame, this.#codec);
  }

  #compareSum(sum: PartialSum): void {
    const { hiddenSize, spot, compared } = this.#options;
    const [frame] = this.#find('partial', this.#sync, packTokens(sum), spot.rank);
    assert(frame !== undefined, "the rank's sums were recorded");
    const values = sum.tokens * hiddenSize;
    const sent = {
      fine: this.#sent.fine.subarray(0, values),
      coarse: this.#sent.coarse.subarray(0, values),
      coarseUsed: this.#sent.coarseUsed,
    };
    replacePlanes(sent, frame, this.#codec);
    this.#sent.coarseUsed = sent.coarseUsed;
    const tokens = Array.from({ length: sum.tokens }, (_, i) => i).filter((i) => compared.has(sum.first + i));
    const place = { firstToken: sum.first, firstIndex: 0 };
    for (const plane of ['fine', 'coarse'] as const)
      this.#difference ??= compareBits(plane, sum[plane], sent[plane], hiddenSize, tokens, place);
    this.#leftTokens -= sum.tokens;
  }

  #compareLogits(parts: readonly LogitPart[]): Difference | undefined {
    const { spot, vocabSize, record } = this.#options;
    for (const { rank, frame } of record.frames) {
      if (frame.type !== 'logits' || rank !== spot.rank || frame.index === 0) continue;
      const difference = compareLogits(decodeLogits(frame, vocabSize), parts, frame.rows, vocabSize);
      if (difference) return difference;
    }
    return undefined;
  }

  #find(type: Frame['type'], index: number, rows: number, rank?: number): Frame[] {
    const isIt = (frame: Frame) => frame.type === type && frame.index === index && frame.rows === rows;
    return this.#options.record.frames
      .filter((one) => isIt(one.frame) && (rank === undefined || one.rank === rank))
      .map(({ frame }) => frame);
  }
}
