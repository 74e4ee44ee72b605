import { availableMemory } from '../../device-agent/node/available-memory.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { StepHeader } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import { kvRunBytes, pageRuns, runPositions } from '../../runtime/kernels/kv-page.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import { decodeKvRuns, encodeKvRuns } from '../../runtime/protocol/kv-frame.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import type { ModelSource } from './tile-delivery.ts';

/** A run of one slot's positions, as far as it has come. */
interface RunCopy {
  /** What an earlier step has left here is not of these positions' tokens. */
  readonly sinceStep: number;
  readonly tiles: Map<number, Uint8Array>;
}

/** What copies take of the coordinator's memory at most, and of what is available; beyond, tokens are computed again. */
const mostBytes = 1 << 30;
const mostOfAvailable = 1 / 4;

/**
 * Copies of the runs of KV that the devices have filled: what a device takes with it when it vanishes need not be computed
 * again. Runs are bits to be put back as they were, and only full ones are sent, so that each position travels once.
 */
export class KvCopies {
  /** What is kept is whole runs. */
  readonly runPositions = runPositions;
  readonly #specs: ReadonlyMap<number, TileSpec>;
  readonly #runBytes: number;
  readonly #availableBytes: () => number;
  #maxBytes = 0;
  readonly #slots: RunCopy[][];
  #bytes = 0;

  constructor({ tiles, description }: ModelSource, options: RankOptions, availableBytes = availableMemory) {
    const attention = tiles.filter(({ kind }) => kind === 'attention');
    this.#specs = new Map(attention.map((spec) => [spec.id, spec]));
    this.#runBytes = kvRunBytes(description.config.headDim, options.kvFormat);
    this.#availableBytes = availableBytes;
    this.#slots = Array.from({ length: options.maxSequences }, () => []);
    this.restart([]);
  }

  /** What it takes of memory now. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** A step writes its sequences' positions: what was there before is not theirs. */
  begin({ stepId, sequences }: StepHeader): void {
    for (const { slot, start, count } of sequences) {
      const runs = this.#slots[slot]!;
      const first = Math.floor(start / runPositions);
      this.#forget(runs, first);
      while (runs.length * runPositions < start + count)
        runs.push({ sinceStep: runs.length < first ? Number.POSITIVE_INFINITY : stepId, tiles: new Map() });
    }
  }

  /**
   * Keeps runs that a rank has filled.
   * @param held the tiles of the rank
   * @throws HearthError FRAME_MALFORMED; PROTOCOL_UNEXPECTED_MESSAGE
   */
  take(frame: Frame, held: readonly number[]): void {
    const { slot, run, tileId, heads } = decodeKvRuns(frame);
    const bytes = heads[0]!;
    const spec = held.includes(tileId) ? this.#specs.get(tileId) : undefined;
    const runBytes = (spec?.count ?? 0) * this.#runBytes;
    const isPart = bytes.length % runBytes === 0 && bytes.length <= (pageRuns - (run % pageRuns)) * runBytes;
    if (!spec || slot >= this.#slots.length || !isPart)
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `KV runs of tile ${tileId} are not this rank's`);
    for (let i = 0; i * runBytes < bytes.length; i += 1)
      this.#keep(
        this.#slots[slot]![run + i],
        frame.id,
        tileId,
        bytes.subarray(i * runBytes, (i + 1) * runBytes),
      );
  }

  #keep(copy: RunCopy | undefined, stepId: number, tileId: number, bytes: Uint8Array): void {
    // Of positions that were given up meanwhile.
    if (!copy || stepId < copy.sinceStep || copy.tiles.has(tileId)) return;
    if (this.#bytes + bytes.length > this.#maxBytes) return;
    copy.tiles.set(tileId, Uint8Array.from(bytes));
    this.#bytes += bytes.length;
  }

  /** A tile's part of a run of a slot, if there is a copy. */
  run(slot: number, run: number, tileId: number): Uint8Array | undefined {
    return this.#slots[slot]![run]?.tiles.get(tileId);
  }

  /** How many of a slot's first positions there are whole copies of. */
  positions(slot: number): number {
    const runs = this.#slots[slot]!;
    const missing = runs.findIndex(({ tiles }) => tiles.size < this.#specs.size);
    return (missing < 0 ? runs.length : missing) * runPositions;
  }

  /** Devices begin anew with these first positions of each slot; steps are counted from 0 again. */
  restart(positions: readonly number[]): void {
    this.#slots.forEach((runs, slot) => {
      const kept = Math.floor((positions[slot] ?? 0) / runPositions);
      this.#forget(runs, kept);
      this.#slots[slot] = runs.map(({ tiles }) => ({ sinceStep: 0, tiles }));
    });
    this.#maxBytes = Math.min(mostBytes, this.#bytes + mostOfAvailable * this.#availableBytes());
  }

  release(slot: number): void {
    this.#forget(this.#slots[slot]!, 0);
  }

  /** What gives a rank its part of a slot's first positions, in the order in which it takes them. */
  *framesFor(slot: number, positions: number, held: readonly number[]): Generator<Uint8Array> {
    const own = held.filter((id) => this.#specs.has(id));
    const runs = this.#slots[slot]!.slice(0, Math.ceil(positions / runPositions));
    for (let run = 0; run < runs.length; run += pageRuns) {
      const page = runs.slice(run, run + pageRuns);
      for (const tileId of own)
        yield encodeKvRuns(0, { slot, run, tileId, heads: page.map(({ tiles }) => tiles.get(tileId)!) });
    }
  }

  #forget(runs: RunCopy[], from: number): void {
    for (const { tiles } of runs.splice(from)) for (const { length } of tiles.values()) this.#bytes -= length;
  }
}
