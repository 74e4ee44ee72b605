import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import { type Delivery, StarReducer } from '../../runtime/collective/star-reducer.ts';
import { type MicroBatch, microBatches } from '../../runtime/decoder/micro-batch.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type StepHeader, tokenCount, wantedTokens } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import type { Layout, PipelineStage } from '../../runtime/plan/layout.ts';
import { membersOf, residualRoutes } from '../../runtime/plan/residual-routes.ts';
import { type Frame, packTokens } from '../../runtime/protocol/frame.ts';
import { ResidualRelay } from './residual-relay.ts';

interface HubStage {
  readonly stage: PipelineStage;
  readonly members: readonly number[];
  /** Of a stage with several members. */
  readonly reducer: StarReducer | undefined;
  /** Of what leaves it, if that goes to others. */
  readonly relay: ResidualRelay | undefined;
}

/** What stands between the ranks of a layout: a star for each stage of several, and what passes from stage to stage. */
export class Hub {
  readonly #layout: Layout;
  readonly #stages: readonly HubStage[];
  readonly #layerCount: number;
  /** Sums that are due of ranks that compute alone, by sync and micro-batch. */
  readonly #shown = new Set<string>();

  constructor(
    layout: Layout,
    { hiddenSize, layerCount }: ModelConfig,
    { maxStepTokens }: RankOptions,
    createCodec: (maxValues: number) => PlaneCodec,
  ) {
    const routes = residualRoutes(layout);
    this.#layout = layout;
    this.#layerCount = layerCount;
    this.#stages = layout.stages.map((stage) => {
      const members = membersOf(stage.shares);
      const [firstSync, endSync] = [2 * stage.firstLayer, 2 * stage.endLayer];
      const shape = { members, hiddenSize, maxStepTokens, firstSync, endSync };
      const codec = () => createCodec(members.length > 2 ? maxStepTokens * hiddenSize : 0);
      const route = routes.find(({ layer }) => layer === stage.endLayer);
      return {
        stage,
        members,
        reducer: members.length > 1 ? new StarReducer(shape, codec()) : undefined,
        relay: route && new ResidualRelay(route, hiddenSize),
      };
    });
  }

  /** Starts a step; what was left of the one before is forgotten. */
  begin(header: StepHeader, showsSums = false): void {
    const parts = microBatches(tokenCount(header), this.#layout.microBatchTokens);
    const wanted = wantedTokens(header);
    this.#shown.clear();
    for (const { stage, reducer, relay } of this.#stages) {
      if (showsSums && !reducer) this.#expectShown(stage, parts);
      reducer?.begin(header.stepId, parts);
      const isHead = relay?.route.layer === this.#layerCount;
      const relayed = parts.map(({ first, end }) => {
        const rows = isHead ? wanted.filter((token) => first <= token && token < end).length : end - first;
        return { first, tokens: end - first, rows };
      });
      relay?.begin(header.stepId, relayed);
    }
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED */
  receive(rank: number, frame: Frame): Delivery[] {
    const { type, index } = frame;
    if (type === 'residual') {
      const relay = this.#stages.find((one) => one.relay?.route.layer === index)?.relay;
      if (relay) return relay.receive(rank, frame);
    } else if (type === 'partial') {
      const { reducer, members } = this.#stages.find(({ stage }) => index < 2 * stage.endLayer) ?? {};
      if (reducer) return reducer.receive(rank, frame);
      if (members?.[0] === rank && this.#shown.delete(`${index} ${frame.rows}`)) return [];
    }
    throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `rank ${rank} sent a ${type} that nobody needs`);
  }

  #expectShown({ firstLayer, endLayer }: PipelineStage, parts: readonly MicroBatch[]): void {
    for (let sync = 2 * firstLayer; sync < 2 * endLayer; sync += 1)
      for (const { first, end } of parts)
        this.#shown.add(`${sync} ${packTokens({ first, tokens: end - first })}`);
  }

  /** Whether a rank has sent all but its logits, and been sent all that they take. */
  isDone(rank: number): boolean {
    return this.#stages.every(({ members, reducer, relay }) => {
      const concerned =
        relay && (relay.route.sender === rank || relay.route.receivers.includes(rank)) && !relay.finished;
      return !concerned && !(members.includes(rank) && reducer && !reducer.finished);
    });
  }

  /** Ranks that hold up the others: of the first stage that is not done. None if only logits are missing. */
  get awaited(): number[] {
    for (const { reducer, relay } of this.#stages) {
      if (reducer && !reducer.finished) return reducer.awaited;
      if (relay && !relay.finished) return [relay.route.sender];
    }
    return [];
  }
}
