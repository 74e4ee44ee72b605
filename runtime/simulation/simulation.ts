import type { LayoutCost } from '../plan/cost.ts';
import { floatBytes, partialBytes } from '../plan/network.ts';
import type { StepLoad, StepWork } from '../plan/step-work.ts';
import { Random } from '../sampling/random.ts';
import { Events } from './events.ts';
import { Processor } from './processor.ts';
import { SimulatedStar } from './star.ts';
import { Syncs } from './syncs.ts';
import { Turns } from './turns.ts';

export interface SimulationOptions {
  /** Without it nothing varies: all takes what it takes mostly. */
  readonly seed?: number;
  /** With a seed, computing takes up to so much more than planned, as a part of it. */
  readonly computeJitter?: number;
}

/** Some tokens of a step that go through the stages together. */
interface Part {
  readonly index: number;
  readonly tokens: number;
  readonly work: StepWork;
}

/**
 * Plays a layout's steps message by message: parts that follow each other or take turns, links that carry one message
 * after another, a coordinator whose connection all share, ranks that wait for the slowest at each sync. How long each
 * thing takes is what planning takes it to be; whether planning puts them together rightly is what this tells.
 */
export class Simulation {
  readonly #cost: LayoutCost;
  readonly #hiddenSize: number;
  readonly #events = new Events();
  readonly #star: SimulatedStar;
  readonly #syncs: Syncs;
  readonly #processors: readonly Processor[];
  #turns = new Turns();
  /** Members of the last stage that have yet to finish a part, and logits that have yet to come. */
  #missing = 0;

  constructor(cost: LayoutCost, { seed, computeJitter = 0 }: SimulationOptions = {}) {
    const { devices, network, work } = cost.problem;
    const random = seed === undefined ? undefined : new Random(seed);
    const stretch = () => (random ? 1 + computeJitter * random.nextUnit() : 1);
    this.#cost = cost;
    this.#hiddenSize = work.description.config.hiddenSize;
    this.#star = new SimulatedStar(this.#events, devices, network, () => random?.nextUnit() ?? 0.5);
    this.#syncs = new Syncs(this.#star);
    this.#processors = devices.map(() => new Processor(this.#events, stretch));
  }

  /** @returns milliseconds to the first token */
  prompt(): number {
    return this.#cost.promptSteps().reduce((ms, load) => ms + this.step(load), 0);
  }

  /** @returns milliseconds of each of some tokens in the middle of the answer */
  decode(tokens: number, sequences = 1): number[] {
    return Array.from({ length: tokens }, () => this.step(this.#cost.decodeStep(sequences)));
  }

  /** @returns milliseconds from telling the ranks to having all that was wanted of them */
  step(load: StepLoad): number {
    const { deal } = this.#cost;
    const startMs = this.#events.nowMs;
    const parts = this.#parts(load);
    this.#turns = new Turns();
    this.#missing = parts.length * deal.members.at(-1)!.length;
    if (load.rows > 0) this.#missing += this.#holders().length;
    for (const part of parts) this.#tell(part, 0);
    this.#events.run();
    if (this.#missing !== 0) throw new Error(`a simulated step ended with ${this.#missing} ends missing`);
    this.#events.at(this.#events.nowMs + this.#cost.problem.network.stepMs, () => {});
    this.#events.run();
    return this.#events.nowMs - startMs;
  }

  /** As equal as whole tokens can be. */
  #parts({ tokens, start, rows }: StepLoad): Part[] {
    const count = Math.ceil(tokens / this.#cost.layout.microBatchTokens);
    return Array.from({ length: count }, (_, index) => {
      const first = Math.floor((index * tokens) / count);
      const end = Math.floor(((index + 1) * tokens) / count);
      const load = { tokens: end - first, start: start + first, rows: index === count - 1 ? rows : 0 };
      return { index, tokens: load.tokens, work: this.#cost.work(load) };
    });
  }

  /** The hub sends a part's residual to all members of a stage. */
  #tell(part: Part, stage: number): void {
    const bytes = floatBytes(part.tokens, this.#hiddenSize);
    for (const rank of this.#cost.deal.members[stage]!) {
      const begin = () => {
        this.#processors[rank]!.readFrom(this.#events.nowMs);
        this.#begin(part, stage, rank);
      };
      this.#star.down(rank, bytes, () => this.#turns.take(stage, rank, part.index, begin));
    }
  }

  #begin(part: Part, stage: number, rank: number): void {
    const { layout, deal } = this.#cost;
    const { firstLayer, endLayer } = layout.stages[stage]!;
    if (deal.members[stage]!.length > 1) {
      this.#sublayer(part, stage, rank, 2 * firstLayer);
      return;
    }
    let [ms, readMs] = [0, 0];
    for (let sublayer = 2 * firstLayer; sublayer < 2 * endLayer; sublayer += 1) {
      ms += part.work.computeMs[this.#at(sublayer, rank)]!;
      readMs += part.work.readMs[this.#at(sublayer, rank)]!;
    }
    this.#processors[rank]!.compute(ms, readMs, () => {
      this.#turns.end(stage, rank);
      this.#leave(part, stage, rank);
    });
  }

  #sublayer(part: Part, stage: number, rank: number, sublayer: number): void {
    const { layout, deal, problem } = this.#cost;
    const end = 2 * layout.stages[stage]!.endLayer;
    if (sublayer === end) {
      this.#leave(part, stage, rank);
      return;
    }
    const turn = {
      key: `${part.index} ${sublayer}`,
      members: deal.members[stage]!,
      rank,
      packedBytes: partialBytes(problem.network, part.tokens, this.#hiddenSize),
      valueBytes: part.tokens * this.#hiddenSize * 4,
    };
    const at = this.#at(sublayer, rank);
    this.#processors[rank]!.compute(part.work.computeMs[at]!, part.work.readMs[at]!, () => {
      if (sublayer === end - 1) this.#turns.end(stage, rank);
      this.#syncs.join(turn, () => this.#sublayer(part, stage, rank, sublayer + 1));
    });
  }

  /** A member has the residual behind its stage. */
  #leave(part: Part, stage: number, rank: number): void {
    const { deal } = this.#cost;
    const members = deal.members[stage]!;
    const isSender = rank === members[0];
    if (stage + 1 < deal.members.length) {
      const bytes = floatBytes(part.tokens, this.#hiddenSize);
      if (isSender) this.#star.up(rank, bytes, () => this.#tell(part, stage + 1));
      return;
    }
    this.#missing -= 1;
    const { rows } = part.work;
    if (rows === 0) return;
    const holders = this.#holders();
    if (holders.includes(rank)) this.#head(part, rank);
    const others = holders.filter((holder) => !members.includes(holder));
    if (!isSender || others.length === 0) return;
    const bytes = floatBytes(rows, this.#hiddenSize);
    this.#star.up(rank, bytes, () => {
      for (const other of others) this.#star.down(other, bytes, () => this.#head(part, other));
    });
  }

  #head({ work }: Part, rank: number): void {
    const { deal, problem } = this.#cost;
    const { vocabSize } = problem.work.description.config;
    const vocabularyRows = (deal.vocabulary[rank]! * vocabSize) / problem.work.vocabulary.tiles;
    const bytes = floatBytes(work.rows, vocabularyRows);
    this.#processors[rank]!.compute(work.headMs[rank]!, work.headReadMs[rank]!, () =>
      this.#star.up(rank, bytes, () => {
        this.#missing -= 1;
      }),
    );
  }

  /** Who has rows of the output head. */
  #holders(): number[] {
    return this.#cost.deal.vocabulary.flatMap((tiles, rank) => (tiles > 0 ? [rank] : []));
  }

  #at(sublayer: number, rank: number): number {
    return sublayer * this.#cost.problem.devices.length + rank;
  }
}
