import { type StepHeader, wantedRows } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import { type Frame, lastFlag } from '../../runtime/protocol/frame.ts';
import { decodeLogits, type LogitRun } from '../../runtime/protocol/logits-frame.ts';
import type { Hub } from './hub.ts';

/** Sends a frame to some ranks. */
export type SendToRanks = (ranks: readonly number[], frame: Uint8Array) => void;

/**
 * One step under way: passes what the ranks send each other through the hub and puts their logits together. Pure but
 * for `send`.
 */
export class StepRun {
  readonly stepId: number;
  /** float32 [vocabSize] for each wanted token. */
  readonly rows: Float32Array[];
  /** How many of the greatest are needed of each. */
  readonly #wanted: readonly (number | undefined)[];
  readonly #hub: Hub;
  readonly #send: SendToRanks;
  /** Vocabulary rows that each rank holds. */
  readonly #vocabularyRows: readonly (readonly VocabularyRange[])[];
  /** Rows of logits that each rank still owes; none once it has sent its last frame. */
  readonly #progress: { nextRow: number; finished: boolean }[];
  #owing: number;

  /**
   * @param rows where the logits are put together
   * @param vocabularyRows for each rank the runs of vocabulary rows that it holds
   * @param showsSums whether ranks send their sums also where they compute alone
   */
  constructor(
    header: StepHeader,
    rows: Float32Array[],
    vocabularyRows: readonly (readonly VocabularyRange[])[],
    hub: Hub,
    send: SendToRanks,
    showsSums = false,
  ) {
    this.stepId = header.stepId;
    this.rows = rows;
    this.#wanted = wantedRows(header);
    this.#hub = hub;
    this.#send = send;
    this.#vocabularyRows = vocabularyRows;
    this.#progress = vocabularyRows.map(() => ({ nextRow: 0, finished: false }));
    this.#owing = vocabularyRows.length;
    hub.begin(header, showsSums);
  }

  /** Whether all ranks have answered. */
  get finished(): boolean {
    return this.#owing === 0;
  }

  /** Ranks that hold up the others: whose turn it is to send something. */
  get awaited(): number[] {
    const { awaited } = this.#hub;
    if (awaited.length > 0) return awaited;
    return this.#progress.flatMap(({ finished }, rank) => (finished ? [] : [rank]));
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED */
  receive(rank: number, frame: Frame): void {
    const progress = this.#progress[rank]!;
    if (progress.finished) throw unexpected(rank, frame, 'it had answered this step');
    if (frame.type === 'partial' || frame.type === 'residual') {
      for (const { ranks, frame: answer } of this.#hub.receive(rank, frame)) this.#send(ranks, answer);
    } else if (frame.type === 'logits') {
      this.#takeLogits(rank, frame);
    } else {
      throw unexpected(rank, frame, 'only the hub sends those');
    }
  }

  #takeLogits(rank: number, frame: Frame): void {
    const progress = this.#progress[rank]!;
    const held = this.#vocabularyRows[rank]!;
    if (!this.#hub.isDone(rank)) throw unexpected(rank, frame, 'syncs are open');
    const due = held.length > 0 ? this.rows.length : 0;
    if (due === 0) {
      if (frame.index !== 0 || frame.rows !== 0 || frame.payload.length > 0)
        throw unexpected(rank, frame, 'it holds none');
    } else {
      if (frame.rows !== progress.nextRow) throw unexpected(rank, frame, `row ${progress.nextRow} was due`);
      const row = this.rows[frame.rows]!;
      const runs = decodeLogits(frame, row.length);
      checkCoverage(rank, runs.map(rangeOf), held, this.#wanted[frame.rows]);
      const rowBytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
      for (const { firstVocabularyRow, bytes } of runs) rowBytes.set(bytes, firstVocabularyRow * 4);
    }
    progress.nextRow += 1;
    const isLast = progress.nextRow >= due;
    if (isLast !== ((frame.flags & lastFlag) !== 0))
      throw unexpected(rank, frame, 'it ends too early or too late');
    if (!isLast) return;
    progress.finished = true;
    this.#owing -= 1;
  }
}

/** Vocabulary rows [first, end). */
export interface VocabularyRange {
  readonly first: number;
  readonly end: number;
}

/** Joins ascending ranges that touch. */
export function joinRanges(ranges: readonly VocabularyRange[]): VocabularyRange[] {
  const joined: VocabularyRange[] = [];
  for (const { first, end } of ranges) {
    const last = joined.at(-1);
    if (last?.end === first) joined[joined.length - 1] = { first: last.first, end };
    else joined.push({ first, end });
  }
  return joined;
}

function rangeOf({ firstVocabularyRow, bytes }: LogitRun): VocabularyRange {
  return { first: firstVocabularyRow, end: firstVocabularyRow + bytes.length / 4 };
}

/**
 * A rank answers for exactly the rows that it holds, since one that left some out would leave what stood there; or for so
 * many of them as are needed.
 */
function checkCoverage(
  rank: number,
  sent: readonly VocabularyRange[],
  held: readonly VocabularyRange[],
  best: number | undefined,
): void {
  const joined = joinRanges(sent);
  const isHeld = joined.every(({ first, end }) =>
    held.some((range) => range.first <= first && end <= range.end),
  );
  const needed = Math.min(best ?? Number.POSITIVE_INFINITY, rowCount(held));
  if (isHeld && rowCount(sent) >= needed) return;
  throw new HearthError(
    'PROTOCOL_UNEXPECTED_MESSAGE',
    `rank ${rank} sent logits of other rows than it holds, or too few`,
  );
}

function rowCount(ranges: readonly VocabularyRange[]): number {
  return ranges.reduce((sum, { first, end }) => sum + end - first, 0);
}

function unexpected(rank: number, { type, rows }: Frame, why: string): HearthError {
  return new HearthError(
    'PROTOCOL_UNEXPECTED_MESSAGE',
    `rank ${rank} sent a ${type} (row or rows ${rows}): ${why}`,
  );
}
