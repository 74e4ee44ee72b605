import { HearthError } from '../../runtime/error.ts';
import type { RunnerLimits, StepInput, StepRunner } from '../../runtime/generation/step-runner.ts';
import { Quiet } from '../probe/quiet.ts';
import type { Arrangement } from './arrangement.ts';
import { Arranging } from './arranging.ts';
import { Caches } from './caches.ts';
import { checkStep } from './check-step.ts';
import {
  type ClusterOptions,
  type ClusterState,
  type FullClusterOptions,
  withDefaults,
} from './cluster-options.ts';
import { type DeviceState, deviceStates } from './device-state.ts';
import { embeddingsOf } from './embeddings.ts';
import type { Formation } from './formation.ts';
import { KvCopies } from './kv-copies.ts';
import type { Member } from './member.ts';
import { closed, isNoDevices } from './no-devices.ts';
import { Roster, type Seat } from './roster.ts';
import { Status } from './status.ts';
import { Succession } from './succession.ts';
import { TaskQueue } from './task-queue.ts';
import { Declined } from './tile-delivery.ts';

/**
 * The devices that run one model. Whoever has joined gets its part of the tiles; when one leaves or another
 * joins, the tiles are dealt anew between two steps and the KV caches start with what there are copies of. A step
 * that builds on more than that fails with CACHE_LOST: there is never an answer from half a cache. While nobody is
 * missing, the others go on until those who have joined have their tiles.
 */
export class Cluster implements StepRunner {
  readonly limits: RunnerLimits;
  readonly vocabSize: number;
  /** When nobody minds being measured. */
  readonly quiet: Quiet;
  readonly #options: FullClusterOptions;
  readonly #roster: Roster;
  readonly #caches: Caches;
  readonly #arranging: Arranging;
  readonly #formations: Succession;
  readonly #status: Status;
  #generation = 0;
  #stepId = 0;
  /** Steps, releases and new formations, one after another. */
  readonly #queue = new TaskQueue();

  constructor(options: ClusterOptions) {
    this.#options = withDefaults(options);
    this.quiet = new Quiet(this.#options.clock);
    this.limits = options.rankOptions;
    this.vocabSize = options.model.description.config.vocabSize;
    this.#status = new Status(this.#options);
    this.#roster = new Roster(options.shares, this.#options.minDevices);
    const copies = new KvCopies(options.model, options.rankOptions);
    this.#caches = new Caches(this.limits.maxSequences, copies);
    const without = (seat: Seat) => this.#arranging.without(seat);
    const { quiet } = this;
    this.#formations = new Succession({ ...this.#options, copies, quiet, without }, () => this.#formSoon());
    this.#arranging = new Arranging(this.#options.arrange, this.#options.stopgap, () => this.#formSoon());
  }

  get state(): ClusterState {
    return this.#status.state;
  }

  /** Grows whenever the caches are lost. */
  get generation(): number {
    return this.#generation;
  }

  /** By which steps are computed now. */
  get arrangement(): Arrangement | undefined {
    return this.#formations.present?.arrangement;
  }

  /** Takes in a device that has joined, between two steps. */
  add(member: Member): void {
    if (this.#status.isClosed) {
      member.close();
      return;
    }
    this.#roster.add(member);
    const { name, capabilities, link } = member.info;
    this.#options.logger.info({ device: name, link, platform: capabilities.platform }, 'a device joined');
    member.attach({
      onControl: (message) => this.#formations.hearControl(member, message),
      onTensors: (frame) => this.#formations.hearTensors(member, frame),
      onTileLink: () => this.#formations.resendTiles(member),
      onStandBy: () => this.#membersChanged(),
      onLost: (error) => this.#lost(member, error),
    });
    this.#membersChanged();
  }

  step(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    checkStep(sequences, this.limits, this.vocabSize);
    return this.quiet.breakFor(() => this.#queue.add(() => this.#run(sequences)));
  }

  release(slot: number): void {
    this.#queue.add(async () => {
      this.#caches.release(slot);
      const { present } = this.#formations;
      if (present?.ready) present.release(slot);
    });
  }

  /**
   * Resolves once the cluster can step, and who does so has been decided.
   * @throws HearthError PLAN_NO_DEVICES if no device came in time; what the model's file throws
   */
  async whenReady(waitMs = this.#options.deviceWaitMs): Promise<void> {
    const endMs = this.#options.clock.nowMs() + waitMs;
    for (;;) {
      try {
        await this.#arranging.deciding;
        await this.#queue.add(() => this.#formed(0));
        return;
      } catch (error) {
        const isLate = this.#status.isClosed || this.#options.clock.nowMs() >= endMs;
        if (isLate || !isNoDevices(error)) throw error;
      }
      await this.#status.changes.next(endMs);
    }
  }

  /** All who are here. */
  get members(): Member[] {
    return this.#roster.seats.map(({ member }) => member);
  }

  deviceStates(): DeviceState[] {
    return deviceStates(this.#roster, this.#formations);
  }

  /** Lets go of all devices; what still waits for them fails. */
  close(): void {
    if (this.#status.isClosed) return;
    this.#status.enter('closed');
    this.#formations.close(closed());
    for (const member of this.members) member.close();
  }

  #lost(member: Member, error: HearthError): void {
    this.#roster.remove(member);
    if (this.#status.isClosed) return;
    this.#options.logger.warn({ device: member.info.name, reason: error.message, error }, 'a device left');
    this.#formations.lose(member, error);
    this.#membersChanged();
  }

  /** A device has computed wrongly, nobody knows since when: no cache is sound, and whoever reads is told. */
  distrust(fault: HearthError): void {
    if (this.#status.isClosed) return;
    this.#caches.forget();
    this.#options.onDistrust();
    this.#formations.dissolve(new HearthError('DEVICE_LOST', `a device was wrong: ${fault.message}`));
  }

  /** Who is here, or what is known of them, may be cause to share the work in another way. */
  reconsider(): void {
    if (this.#status.isClosed) return;
    this.#arranging.reconsider(this.#roster.chosen());
  }

  #membersChanged(): void {
    if (this.#status.isClosed) return;
    const chosen = this.#roster.chosen();
    const waits = chosen.length > 0 ? 'loading' : 'waiting';
    this.#status.enter(this.#formations.isWhole(chosen) ? 'ready' : waits);
    this.reconsider();
  }

  /** Forms anew or prepares to, at the next safe point, if that is called for. */
  #formSoon(): void {
    this.#status.changes.happened();
    this.#queue
      .add(() => this.#formed(0))
      .catch((error: unknown) => {
        if (!isNoDevices(error) && !this.#status.isClosed)
          this.#options.logger.error({ error }, 'the devices could not be given their tiles');
      });
  }

  async #run(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    const formation = await this.#formed(this.#options.deviceWaitMs);
    this.#caches.check(sequences);
    const header = {
      stepId: this.#stepId++,
      sequences: sequences.map(({ tokens, ...sequence }) => sequence),
    };
    const { model, profiler } = this.#options;
    profiler?.opened(header);
    const embeddings = await embeddingsOf(model, sequences);
    this.#caches.restore(formation.ranks, header.sequences);
    this.#caches.begun(header);
    const rows = await formation.step(header, embeddings);
    this.#caches.done(sequences);
    return rows;
  }

  /** The formation that is to step now, made anew if there is none. */
  async #formed(waitMs: number): Promise<Formation> {
    const { clock } = this.#options;
    const endMs = clock.nowMs() + waitMs;
    for (;;) {
      if (this.#status.isClosed) throw closed();
      const { latest, deciding, failure } = this.#arranging;
      const formation = latest && this.#formations.current(latest);
      if (formation) return formation;
      if (latest) await this.#form(latest);
      else if (deciding) await deciding;
      else if (clock.nowMs() < endMs) await this.#status.changes.next(endMs);
      else throw failure ?? this.#roster.noDevices();
    }
  }

  /** Deals the tiles to those who are to compute and loads them; a device that fails is out of the next try. */
  async #form(arrangement: Arrangement): Promise<void> {
    this.#status.enter('loading');
    const kept = this.#caches.restart();
    this.#stepId = 0;
    this.#generation += 1;
    this.#options.onReset(kept);
    try {
      await this.#formations.form(arrangement);
      this.#roster.started();
      this.#options.logger.info({ devices: arrangement.seats.length, kept }, 'the devices are ready');
      if (this.#formations.isWhole(this.#roster.chosen())) this.#status.enter('ready');
    } catch (error) {
      this.#formFailed(error);
    }
  }

  #formFailed(error: unknown): void {
    const failure = HearthError.of(error, 'loading failed');
    if (error instanceof Declined) {
      const { member, reason } = error;
      const told = { device: member.info.name, reason: reason.message };
      this.#options.logger.warn(told, 'a device declined its tiles');
      this.#roster.decline(member, reason);
      this.reconsider();
    }
    this.#formations.dissolve(failure);
    if (!this.#status.isClosed) this.#status.enter('waiting');
    // A device that is gone or has declined is not chosen again; anything else would go wrong again.
    if (!(error instanceof Declined) && failure.code !== 'DEVICE_LOST') throw failure;
  }
}
