import { type Logger, silentLogger } from '../../device-agent/logger.ts';
import { availableMemory } from '../../device-agent/node/available-memory.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type StepHeader, type StepSequence, tokenCount } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import { runPositions } from '../../runtime/kernels/kv-page.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import type { FormationRank } from '../cluster/formation-rank.ts';
import type { KvCopies } from '../cluster/kv-copies.ts';
import type { Member } from '../cluster/member.ts';
import type { ModelSource } from '../cluster/tile-delivery.ts';
import type { Checker, CheckRun, CheckTask } from './checker.ts';
import { differenceInWords } from './difference.ts';
import { type Spot, spotInWords, spotsOf } from './spot.ts';
import { StepRecorder } from './step-record.ts';
import { Turns } from './turns.ts';
import { isSeen } from './way-to.ts';

export interface ChecksOptions {
  readonly checker: Checker;
  readonly model: Pick<ModelSource, 'tiles' | 'description'>;
  /** Of a step: that a part of it is computed again. */
  readonly probability: number;
  /** In [0, 1): nobody who might lie should be able to foretell it. */
  readonly random?: () => number;
  readonly availableBytes?: () => number;
  readonly logger?: Logger;
  /** A device has not computed what its tiles and its input give. */
  readonly onFault: (member: Member, fault: HearthError) => void;
}

/** A part whose weights take more of what memory there is is left alone. */
const mostOfAvailable = 1 / 4;
/** Sums are shown in steps of no more: at each sync they take about as many bytes as activations do. */
const mostShownTokens = 8;

/** Who computes, and what it takes to compute a part of it again. */
export interface CheckedFormation {
  readonly ranks: readonly FormationRank[];
  readonly rankOptions: RankOptions;
  readonly copies: KvCopies;
  /** Whether the devices send copies of their KV. */
  readonly copiesKv: boolean;
}

/**
 * Has parts of steps computed a second time, and compares bits. It watches what passes through the hub, so that no
 * device knows what is checked; one that computes alone is asked for its sums, and knows then that some of them are. One check is under way at a time; attention is checked where all keys and values that it
 * reads are at hand: at the beginning of a sequence, and at the first position of a run of which there are copies.
 */
export class Checks {
  readonly #options: ChecksOptions;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #layerCount: number;
  #formation: CheckedFormation | undefined;
  readonly #attention: Turns;
  readonly #others: Turns;
  #recorder: StepRecorder | undefined;
  #isBusy = false;
  #isOff: boolean;

  constructor(options: ChecksOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? silentLogger;
    this.#layerCount = options.model.description.config.layerCount;
    this.#attention = new Turns(this.#random);
    this.#others = new Turns(this.#random);
    this.#isOff = options.probability <= 0;
  }

  /** These compute from now on: each is checked at once, then by chance. */
  formed(formation: CheckedFormation): void {
    this.#formation = formation;
    this.#recorder = undefined;
    const { model, availableBytes = availableMemory } = this.#options;
    const mostBytes = mostOfAvailable * availableBytes();
    const spots = formation.ranks
      .flatMap(({ assignment }) => spotsOf(assignment, model.tiles))
      .filter(({ tiles }) => tiles.reduce((sum, { byteLength }) => sum + byteLength, 0) <= mostBytes);
    this.#attention.restart(spots.filter(({ kind }) => kind === 'attention'));
    this.#others.restart(spots.filter(({ kind }) => kind !== 'attention'));
  }

  /**
   * A step begins; what came of the one before is forgotten.
   * @returns whether ranks must send their sums also where they compute alone
   */
  begin(header: StepHeader, embeddings: Float32Array): boolean {
    this.#recorder = undefined;
    if (this.#isOff) return false;
    if (this.#random() < this.#options.probability) {
      this.#attention.owe();
      this.#others.owe();
    }
    if (this.#isBusy) return false;
    const spot = this.#spotFor(header);
    if (!spot) return false;
    this.#recorder = new StepRecorder(spot, header, embeddings, this.#layerCount);
    return !this.#isSeen(spot);
  }

  /** A rank has sent something that belongs to the step. */
  arrived(rank: number, frame: Frame): void {
    this.#recorder?.take(rank, frame);
  }

  /** All ranks have answered. */
  ended(): void {
    const recorder = this.#recorder;
    this.#recorder = undefined;
    const record = recorder?.record;
    const formation = this.#formation;
    if (!recorder || !record || !formation) return;
    const { spot } = recorder;
    const rank = formation.ranks[spot.rank]!;
    const { slots, runs } = this.#history(spot, record.header);
    if (spot.kind === 'attention' && slots.length === 0) return;
    this.#turnsOf(spot).done(spot);
    const { assignment } = rank;
    void this.#check({ spot, assignment, options: formation.rankOptions, record, slots, runs }, rank.member);
  }

  #turnsOf({ kind }: Spot): Turns {
    return kind === 'attention' ? this.#attention : this.#others;
  }

  #spotFor(header: StepHeader): Spot | undefined {
    const { sequences } = header;
    const isShort = tokenCount(header) <= mostShownTokens;
    const isVisible = (spot: Spot) => isShort || this.#isSeen(spot);
    const atPage = sequences.some((sequence) => this.#mayBeWhole(sequence));
    const wantsLogits = sequences.some(({ logits }) => logits !== 'none');
    return (
      (atPage ? this.#attention.next(isVisible) : undefined) ??
      this.#others.next((spot) => isVisible(spot) && (spot.kind !== 'vocabulary' || wantsLogits))
    );
  }

  /** Whether all that its input is made of passes through the hub anyway. */
  #isSeen(spot: Spot): boolean {
    return isSeen(spot, this.#formation!.ranks[spot.rank]!.assignment, this.#layerCount);
  }

  #mayBeWhole({ start }: StepSequence): boolean {
    return start === 0 || (start % runPositions === 0 && this.#formation?.copiesKv === true);
  }

  /** The runs that attention reads and the step does not write, of slots that have all of them. */
  #history({ kind, tiles }: Spot, { sequences }: StepHeader): Pick<CheckTask, 'slots' | 'runs'> {
    if (kind !== 'attention') return { slots: [], runs: [] };
    const { copies } = this.#formation!;
    const slots: number[] = [];
    const runs: CheckRun[] = [];
    for (const sequence of sequences.filter((one) => this.#mayBeWhole(one))) {
      const { slot, start } = sequence;
      const indices = Array.from({ length: start / runPositions }, (_, run) => run);
      const found = indices.flatMap((run) =>
        tiles.map(({ id }) => ({ slot, run, tileId: id, bytes: copies.run(slot, run, id) })),
      );
      if (!found.every((run): run is CheckRun => run.bytes !== undefined)) continue;
      slots.push(slot);
      runs.push(...found);
    }
    return { slots, runs };
  }

  async #check(task: CheckTask, member: Member): Promise<void> {
    const { checker } = this.#options;
    this.#isBusy = true;
    try {
      const difference = await checker.check(task);
      if (!difference) return;
      // This computer may be the one that errs: it must come to the same once more.
      const again = await checker.check(task);
      if (JSON.stringify(again) === JSON.stringify(difference))
        this.#found(task, member, differenceInWords(difference));
      else
        this.#logger.error(
          { difference, again },
          'this computer computed the same twice, and not to the same',
        );
    } catch (error) {
      this.#failed(task, member, error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** What is malformed was sent to nobody else, who would have seen that: it is the device's own. */
  #failed(task: CheckTask, member: Member, error: unknown): void {
    if (error instanceof HearthError && error.code === 'FRAME_MALFORMED') {
      this.#found(task, member, error.message);
      return;
    }
    this.#isOff = true;
    this.#logger.error({ error }, 'devices are not checked any more');
  }

  #found({ spot, record }: CheckTask, member: Member, what: string): void {
    const place = `${spotInWords(spot)}, step ${record.header.stepId}`;
    const message = `it computed wrongly: ${place}: ${what}`;
    const { kind, layer, tiles } = spot;
    const fields = { kind, layer, firstTile: tiles[0]!.id, lastTile: tiles.at(-1)!.id };
    this.#options.onFault(member, new HearthError('DEVICE_WRONG', message, fields));
  }
}
