import type { LayoutCost } from '../plan/cost.ts';
import { floatBytes, logitBytes, partialBytes } from '../plan/network.ts';
import type { StepLoad, StepWork } from '../plan/step-work.ts';
import { Random } from '../sampling/random.ts';
import { Events } from './events.ts';
import { Processor } from './processor.ts';
import { SimulatedStar } from './star.ts';
import { Syncs } from './syncs.ts';
import { TurnOrder } from './turns.ts';

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

/** Where a part of a step is on a rank. */
interface Place {
  readonly part: Part;
  readonly stage: number;
  readonly rank: number;
  readonly sublayer: number;
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
  #turns = new TurnOrder();
  #partCount = 0;
  /** What has come to ranks whose tiles stream. */
  readonly #gathered = new Map<string, Part[]>();
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
    this.#turns = new TurnOrder();
    this.#partCount = parts.length;
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
    const { firstLayer } = this.#cost.layout.stages[stage]!;
    for (const rank of this.#cost.deal.members[stage]!) {
      this.#star.down(rank, bytes, () => {
        if (part.index === 0) this.#processors[rank]!.readFrom(this.#events.nowMs);
        this.#ready({ part, stage, rank, sublayer: 2 * firstLayer });
      });
    }
  }

  /** Parts are computed one after the other; where tiles stream, all at once, when the last has come. */
  #ready(place: Place): void {
    const { part, stage, rank, sublayer } = place;
    const { layout } = this.#cost;
    if (this.#cost.streams(rank)) {
      const key = `${rank} ${sublayer}`;
      const gathered = [...(this.#gathered.get(key) ?? []), part];
      this.#gathered.set(key, gathered);
      if (gathered.length < this.#partCount) return;
      this.#gathered.delete(key);
      this.#compute(gathered, place);
      return;
    }
    const turn = (sublayer - 2 * layout.stages[stage]!.firstLayer) * this.#partCount + part.index;
    this.#turns.take(stage, rank, turn, () => this.#compute([part], place));
  }

  /** A sublayer; of a stage of one member all of them. */
  #compute(parts: readonly Part[], { stage, rank, sublayer }: Place): void {
    const { layout, deal } = this.#cost;
    const isAlone = deal.members[stage]!.length === 1;
    const end = isAlone ? 2 * layout.stages[stage]!.endLayer : sublayer + 1;
    let [ms, readMs] = [0, 0];
    for (let i = sublayer; i < end; i += 1) {
      for (const { work } of parts) ms += work.computeMs[this.#at(i, rank)]!;
      readMs += parts[0]!.work.readMs[this.#at(i, rank)]!;
    }
    this.#processors[rank]!.compute(ms, readMs, () => {
      this.#turns.end(stage, rank, parts.length);
      for (const part of parts) {
        if (isAlone) this.#leave(part, stage, rank);
        else this.#sync({ part, stage, rank, sublayer });
      }
    });
  }

  #sync(place: Place): void {
    const { part, stage, rank, sublayer } = place;
    const { layout, deal, problem } = this.#cost;
    const turn = {
      key: `${part.index} ${sublayer}`,
      members: deal.members[stage]!,
      rank,
      packedBytes: partialBytes(problem.network, part.tokens, this.#hiddenSize),
      valueBytes: part.tokens * this.#hiddenSize * 4,
    };
    this.#syncs.join(turn, () => {
      if (sublayer + 1 === 2 * layout.stages[stage]!.endLayer) this.#leave(part, stage, rank);
      else this.#ready({ ...place, sublayer: sublayer + 1 });
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
    const bytes = logitBytes(work.rows, vocabularyRows);
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
