import { tokenCount } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import type { RunnerLimits, StepInput, StepRunner } from '../../runtime/generation/step-runner.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { checkStep } from './check-step.ts';
import {
  type ClusterOptions,
  type ClusterState,
  type FullClusterOptions,
  withDefaults,
} from './cluster-options.ts';
import { type DeviceState, deviceStates } from './device-state.ts';
import { Formation } from './formation.ts';
import type { Member } from './member.ts';
import { Roster, type Seat } from './roster.ts';
import { SlotPositions } from './slot-positions.ts';
import { Changes, TaskQueue } from './task-queue.ts';
import { Declined } from './tile-delivery.ts';

export type { ClusterOptions, ClusterState, LoadProgress } from './cluster-options.ts';
export type { DeviceState } from './device-state.ts';

/**
 * The devices that run one model. Whoever has joined gets its part of the tiles; when one leaves or another
 * joins, the tiles are dealt anew between two steps and the KV caches start empty. A step that builds on
 * positions that were lost so fails with CACHE_LOST: there is never an answer from half a cache.
 */
export class Cluster implements StepRunner {
  readonly limits: RunnerLimits;
  readonly vocabSize: number;
  readonly #options: FullClusterOptions;
  readonly #roster: Roster;
  /** Of who is here, and of the state. */
  readonly #changes: Changes;
  readonly #positions: SlotPositions;
  #formation: Formation | undefined;
  #state: ClusterState = 'waiting';
  #generation = 0;
  #stepId = 0;
  /** Steps, releases and new formations, one after another. */
  readonly #queue = new TaskQueue();

  constructor(options: ClusterOptions) {
    this.#options = withDefaults(options);
    this.limits = options.rankOptions;
    this.vocabSize = options.model.description.config.vocabSize;
    this.#changes = new Changes(this.#options.clock);
    this.#roster = new Roster(options.shares, this.#options.minDevices);
    this.#positions = new SlotPositions(this.limits.maxSequences);
  }

  get state(): ClusterState {
    return this.#state;
  }

  /** Grows whenever the caches are lost. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes in a device that has joined, between two steps. */
  add(member: Member): void {
    if (this.#state === 'closed') {
      member.close();
      return;
    }
    this.#roster.add(member);
    const { name, capabilities, link } = member.info;
    this.#options.logger.info({ device: name, link, platform: capabilities.platform }, 'a device joined');
    member.attach({
      onControl: (message) => this.#formation?.hearControl(member, message),
      onTensors: (frame) => this.#formation?.hearTensors(member, frame),
      onTilesLost: () => this.#formation?.resendTiles(member),
      onLost: (error) => this.#lost(member, error),
    });
    this.#membersChanged();
  }

  step(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    checkStep(sequences, this.limits, this.vocabSize);
    return this.#queue.add(() => this.#run(sequences));
  }

  release(slot: number): void {
    this.#queue.add(async () => {
      this.#positions.release(slot);
      if (this.#formation?.ready) this.#formation.release(slot);
    });
  }

  /**
   * Resolves once the cluster can step.
   * @throws HearthError PLAN_NO_DEVICES if no device came in time; what the model's file throws
   */
  async whenReady(waitMs = this.#options.deviceWaitMs): Promise<void> {
    const endMs = this.#options.clock.nowMs() + waitMs;
    for (;;) {
      try {
        await this.#queue.add(() => this.#formed(0));
        return;
      } catch (error) {
        const isLate = this.#state === 'closed' || this.#options.clock.nowMs() >= endMs;
        if (isLate || !isNoDevices(error)) throw error;
      }
      await this.#changes.next(endMs);
    }
  }

  deviceStates(): DeviceState[] {
    return deviceStates(this.#roster, this.#formation);
  }

  /** Lets go of all devices; what still waits for them fails. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#formation?.dissolve(closed());
    for (const { member } of this.#roster.seats) member.close();
  }

  #lost(member: Member, error: HearthError): void {
    this.#roster.remove(member);
    if (this.#state === 'closed') return;
    this.#options.logger.warn({ device: member.info.name, reason: error.message, error }, 'a device left');
    this.#formation?.lose(member, error);
    this.#membersChanged();
  }

  /** Forms anew at the next safe point, if that is called for. */
  #membersChanged(): void {
    if (this.#state === 'closed') return;
    if (!this.#upToDate()) this.#enter(this.#roster.chosen().length > 0 ? 'loading' : 'waiting');
    this.#changes.happened();
    this.#queue
      .add(() => this.#formed(0))
      .catch((error: unknown) => {
        if (!isNoDevices(error) && this.#state !== 'closed')
          this.#options.logger.error({ error }, 'the devices could not be given their tiles');
      });
  }

  async #run(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    const formation = await this.#formed(this.#options.deviceWaitMs);
    this.#positions.check(sequences);
    const header = {
      stepId: this.#stepId++,
      sequences: sequences.map(({ slot, start, count, logits }) => ({ slot, start, count, logits })),
    };
    const { model, profiler } = this.#options;
    profiler?.opened(header);
    const embeddings = new Float32Array(tokenCount(header) * model.description.config.hiddenSize);
    await model.embed(
      sequences.flatMap(({ tokens }) => tokens),
      embeddings,
    );
    this.#positions.begun(sequences);
    const rows = await formation.step(header, embeddings);
    this.#positions.done(sequences);
    return rows;
  }

  /** The formation of those who are here, made anew if it is not. */
  async #formed(waitMs: number): Promise<Formation> {
    const { clock } = this.#options;
    const endMs = clock.nowMs() + waitMs;
    for (;;) {
      if (this.#state === 'closed') throw closed();
      if (this.#formation && this.#upToDate()) return this.#formation;
      if (this.#roster.chosen().length > 0) await this.#form();
      else if (clock.nowMs() < endMs) await this.#changes.next(endMs);
      else throw this.#roster.noDevices();
    }
  }

  #upToDate(): boolean {
    const chosen = this.#roster.chosen();
    const members = this.#formation?.ready ? this.#formation.members : [];
    return (
      members.length > 0 &&
      members.length === chosen.length &&
      members.every((m, i) => m === chosen[i]!.member)
    );
  }

  /** Deals the tiles to the chosen devices and loads them; a device that fails is out of the next try. */
  async #form(): Promise<void> {
    const chosen = this.#roster.chosen();
    this.#enter('loading');
    this.#formation?.dissolve(new HearthError('DEVICE_LOST', 'the devices were given new tiles'));
    this.#positions.reset();
    this.#stepId = 0;
    this.#generation += 1;
    this.#options.onReset();
    try {
      this.#formation = this.#deal(chosen);
      await this.#formation.load();
      this.#roster.started();
      this.#options.logger.info({ devices: chosen.length }, 'the devices are ready');
      if (this.#upToDate()) this.#enter('ready');
    } catch (error) {
      this.#formFailed(error);
    }
  }

  #deal(chosen: readonly Seat[]): Formation {
    const shares = chosen.map(({ share }) => share);
    const members = chosen.map(({ member }) => member);
    const assignments = planByShares(this.#options.model.tiles, shares);
    const tiles = assignments.reduce((sum, { tileIds }) => sum + tileIds.length, 0);
    let loadedTiles = 0;
    const onLoaded = (): void => {
      loadedTiles += 1;
      this.#options.onProgress({ loadedTiles, tiles });
    };
    return new Formation(members, assignments, this.#generation, { ...this.#options, onLoaded });
  }

  #formFailed(error: unknown): void {
    const failure =
      error instanceof HearthError ? error : new HearthError('INTERNAL', 'loading failed', {}, error);
    if (error instanceof Declined) {
      const { member, reason } = error;
      this.#options.logger.warn(
        { device: member.info.name, reason: reason.message },
        'a device declined its tiles',
      );
      this.#roster.decline(member, reason);
    }
    this.#formation?.dissolve(failure);
    this.#formation = undefined;
    if (this.#state !== 'closed') this.#enter('waiting');
    // A device that is gone or has declined is not chosen again; anything else would go wrong again.
    if (!(error instanceof Declined) && failure.code !== 'DEVICE_LOST') throw failure;
  }

  #enter(state: ClusterState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
    this.#changes.happened();
  }
}

function isNoDevices(error: unknown): boolean {
  return error instanceof HearthError && error.code === 'PLAN_NO_DEVICES';
}

function closed(): HearthError {
  return new HearthError('PLAN_NO_DEVICES', 'the cluster has been closed');
}
