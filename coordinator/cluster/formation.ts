import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import type { StepHeader } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import { takesEmbeddings } from '../../runtime/plan/plan.ts';
import { operations } from '../../runtime/profile/operations.ts';
import { errorOf } from '../../runtime/protocol/error-report.ts';
import { type Frame, showSumsFlag } from '../../runtime/protocol/frame.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { encodeStep } from '../../runtime/protocol/step-frame.ts';
import type { Arrangement } from './arrangement.ts';
import { copiesPay } from './copies-pay.ts';
import type { FormationOptions } from './formation-options.ts';
import { type FormationRank, formationRank } from './formation-rank.ts';
import { Hub } from './hub.ts';
import type { Member } from './member.ts';
import { PendingStep } from './pending-step.ts';
import { type Plan, tileSetup } from './plan.ts';
import { StepRun } from './step-run.ts';
import { TileDelivery } from './tile-delivery.ts';
import { shapeOf } from './vigil.ts';

/**
 * Members that together hold the whole model, each as one rank: loaded once, then stepped until one of them is
 * lost. A broken formation is replaced, never mended.
 */
export class Formation {
  readonly arrangement: Arrangement;
  readonly ranks: readonly FormationRank[];
  readonly #options: FormationOptions;
  readonly #rankOf: ReadonlyMap<Member, number>;
  readonly #deliveries: readonly TileDelivery[];
  readonly #hub: Hub;
  readonly #broken: Promise<never>;
  #break!: (error: HearthError) => void;
  #breakage: HearthError | undefined;
  #loaded = false;
  #step: PendingStep | undefined;
  #lastStepId = -1;
  /** Of the last step. */
  #logits: Float32Array[] = [];

  constructor(plan: Plan, options: FormationOptions) {
    const { model, rankOptions } = options;
    const { arrangement, members, assignments } = plan;
    this.#options = options;
    this.arrangement = arrangement;
    this.#broken = new Promise((_, reject) => {
      this.#break = reject;
    });
    // Who waits for the breakage hears of it; nobody may be waiting.
    this.#broken.catch(() => {});
    this.#hub = new Hub(arrangement.layout, model.description.config, rankOptions, options.createCodec);
    this.ranks = members.map((member, rank) => formationRank(member, assignments[rank]!, model));
    options.profiler?.formed(members.map(({ info }) => info.name));
    this.#rankOf = new Map(members.map((member, rank) => [member, rank]));
    const copiesKv = copiesPay(this.ranks, options);
    options.checks?.formed({ ...options, ranks: this.ranks, copiesKv });
    this.#deliveries = this.ranks.map((rank, i) => {
      const configure = {
        type: 'configure',
        ...tileSetup(plan, i, model, options.hashes),
        options: rankOptions,
        profile: options.profiler !== undefined,
        copiesKv,
      } as const;
      return new TileDelivery(rank.member, configure, model, {
        ...options,
        onLoaded: () => {
          rank.loadedTiles += 1;
          options.onLoaded();
        },
        onGivenUp: (reason) => this.#givenUp(rank.member, reason),
      });
    });
  }

  get members(): readonly Member[] {
    return this.ranks.map(({ member }) => member);
  }

  /** Loaded and whole. */
  get ready(): boolean {
    return this.#loaded && !this.#breakage;
  }

  /**
   * Waits until every rank holds its tiles.
   * @throws Declined; HearthError DEVICE_LOST, or what cutting the model's tiles throws
   */
  async load(): Promise<void> {
    await Promise.race([Promise.all(this.#deliveries.map(({ done }) => done)), this.#broken]);
    this.#loaded = true;
  }

  /**
   * Runs one step; the caller waits for its end before the next.
   * @param embeddings float32 [tokens, hiddenSize]
   * @returns float32 [vocabSize] for each wanted token, valid until the next step
   * @throws HearthError DEVICE_LOST, or what a rank reports
   */
  step(header: StepHeader, embeddings: Float32Array): Promise<Float32Array[]> {
    if (this.#breakage) return Promise.reject(this.#breakage);
    this.#lastStepId = header.stepId;
    const { clock, model, stepStallTimeoutMs, profiler, checks } = this.#options;
    const rows = this.ranks.map(({ vocabularyRows }) => vocabularyRows);
    this.#logits = new LogitRows(header, model.description.config.vocabSize, this.#logits).rows;
    const showsSums = checks?.begin(header, embeddings) ?? false;
    const send = (ranks: readonly number[], frame: Uint8Array) => this.#sendTo(ranks, frame);
    const run = new StepRun(header, this.#logits, rows, this.#hub, send, showsSums);
    const shape = shapeOf(header, this.arrangement.layout);
    for (const { member } of this.ranks) member.stepBegins(shape);
    const step = new PendingStep(run, clock, stepStallTimeoutMs, () => this.#stalled(run));
    this.#step = step;
    profiler?.sending();
    this.#sendStep(header, embeddings, showsSums ? showSumsFlag : 0);
    profiler?.mark(operations.sendStep);
    return step.rows;
  }

  /** Embeddings go to those who compute the first layer. */
  #sendStep(header: StepHeader, embeddings: Float32Array, flags: number): void {
    const [embedded, others]: [number[], number[]] = [[], []];
    for (const [rank, { assignment }] of this.ranks.entries())
      (takesEmbeddings(assignment) ? embedded : others).push(rank);
    this.#sendTo(embedded, encodeStep(header, embeddings, flags));
    if (others.length > 0) this.#sendTo(others, encodeStep(header, new Float32Array(), flags));
  }

  release(slot: number): void {
    for (const { member } of this.ranks) member.send({ type: 'release', slot });
  }

  /** A member is gone: what waits here fails. */
  lose(member: Member, cause: HearthError): void {
    if (!this.#rankOf.has(member) || this.#breakage) return;
    const { name } = member.info;
    this.dissolve(
      new HearthError('DEVICE_LOST', `the device "${name}" left: ${cause.message}`, { device: name }, cause),
    );
  }

  /** A member is still here, and can be given its tiles again. */
  #givenUp({ info: { name } }: Member, reason: HearthError): void {
    this.#options.logger.warn({ device: name, reason: reason.message }, 'a device lost its tiles');
    const message = `the device "${name}" lost its tiles: ${reason.message}`;
    this.dissolve(new HearthError('DEVICE_LOST', message, { device: name }, reason));
  }

  /** Tiles that are under way to a member may not arrive. */
  resendTiles(member: Member): void {
    const rank = this.#rankOf.get(member);
    if (rank !== undefined) this.#deliveries[rank]!.resend();
  }

  /** Ends the formation; its members may then be configured anew. */
  dissolve(error: HearthError): void {
    if (this.#breakage) return;
    this.#breakage = error;
    for (const delivery of this.#deliveries) delivery.cancel();
    this.#endStep(error);
    this.#break(error);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  hearControl(member: Member, message: ControlMessage): void {
    const rank = this.#rankOf.get(member);
    if (rank === undefined || this.#breakage) return;
    const delivery = this.#deliveries[rank]!;
    if (message.type === 'memory') {
      if (delivery.answered) this.ranks[rank]!.memory = message;
    } else if ('configurationId' in message) {
      delivery.receive(message);
    } else if (message.type === 'stepFailed') {
      if (delivery.answered) this.#stepFailed(message.stepId, errorOf(message));
    } else {
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a device does not send ${message.type} messages`);
    }
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED */
  hearTensors(member: Member, frame: Frame): void {
    const rank = this.#rankOf.get(member);
    // Until it takes up its configuration, a member may still be answering an older one.
    if (rank === undefined || this.#breakage || !this.#deliveries[rank]!.answered) return;
    const { profiler, checks } = this.#options;
    if (frame.type === 'spans') {
      if (!profiler || frame.id > this.#lastStepId)
        throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `spans of step ${frame.id} are not due`);
      profiler.receive(rank, frame);
      return;
    }
    if (frame.type === 'kv') {
      this.#options.copies.take(frame, this.ranks[rank]!.assignment.tileIds);
      return;
    }
    const step = this.#step;
    // A step that has failed on another rank: this one did not know yet.
    if (frame.id < this.#lastStepId || (!step && frame.id === this.#lastStepId)) return;
    if (!step || frame.id !== step.run.stepId)
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${frame.type} of step ${frame.id} is not due`);
    step.progressed();
    profiler?.arrived(rank, frame);
    step.run.receive(rank, frame);
    checks?.arrived(rank, frame);
    profiler?.mark(frame.type === 'logits' ? operations.takeLogits : operations.hub);
    if (!step.run.finished) return;
    profiler?.ended();
    checks?.ended();
    this.#endStep();
  }

  #stepFailed(stepId: number, error: HearthError): void {
    if (stepId > this.#lastStepId)
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `step ${stepId} has not begun and cannot have failed`,
      );
    // All ranks may report the same step; the first ends it.
    if (this.#step?.run.stepId === stepId) this.#endStep(error);
  }

  #endStep(error?: HearthError): void {
    const step = this.#step;
    this.#step = undefined;
    for (const { member } of this.ranks) member.stepEnds();
    step?.end(error);
  }

  #stalled({ awaited }: StepRun): void {
    for (const rank of awaited)
      this.ranks[rank]!.member.drop(
        new HearthError('LINK_TIMEOUT', 'the device does not get on with its step'),
      );
  }

  #sendTo(ranks: readonly number[], frame: Uint8Array): void {
    for (const rank of ranks) this.ranks[rank]!.member.sendFrame(frame);
  }
}
