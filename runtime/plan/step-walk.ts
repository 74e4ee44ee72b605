import type { Deal } from './deal.ts';
import { HubLane, LinkLane } from './lanes.ts';
import type { Layout } from './layout.ts';
import { floatBytes, logitBytes, partialBytes, transferMs } from './network.ts';
import type { Problem } from './problem.ts';
import type { StepWork } from './step-work.ts';

export interface StepTime {
  readonly ms: number;
  /** [rank] What computing takes of it, syncs' own work included. */
  readonly computeMs: readonly number[];
}

/** When each rank can begin with a part of the step. */
type Ready = Float64Array;

/**
 * How long a step takes, told by following its parts through the stages in the order in which they are computed. Each
 * processor, disk and direction of a link does one thing at a time, in that order; all else is maxima and sums of times.
 * What stages do to each other on the coordinator's connection is left out: `runtime/simulation/` has it.
 */
export class StepWalk {
  readonly #problem: Problem;
  readonly #layout: Layout;
  readonly #deal: Deal;
  readonly #step: StepWork;
  readonly #links: readonly LinkLane[];
  /** One for each stage and one for the output head. */
  readonly #hubs: readonly HubLane[];
  /** Members of each stage, in the order in which their sums came last. */
  readonly #orders: readonly number[][];
  readonly #computeFreeMs: Float64Array;
  readonly #diskFreeMs: Float64Array;
  readonly #computeMs: Float64Array;
  readonly #residualBytes: number;
  readonly #partialBytes: number;
  readonly #addMs: number;

  constructor(problem: Problem, layout: Layout, deal: Deal, step: StepWork) {
    const { devices, network, work } = problem;
    const { hiddenSize } = work.description.config;
    this.#problem = problem;
    this.#layout = layout;
    this.#deal = deal;
    this.#step = step;
    // All wait for the slowest way there and back; who is slow there is seldom slow back as well.
    const messages = devices.map(() => 1);
    for (const ranks of deal.members)
      if (ranks.length > 2) for (const rank of ranks) messages[rank] = Math.round(Math.sqrt(ranks.length));
    this.#links = devices.map(({ link }, rank) => new LinkLane(link, network, messages[rank]!));
    this.#orders = deal.members.map((ranks) => [...ranks]);
    this.#hubs = Array.from({ length: deal.members.length + 1 }, () => new HubLane());
    this.#computeFreeMs = new Float64Array(devices.length);
    this.#diskFreeMs = new Float64Array(devices.length);
    this.#computeMs = new Float64Array(devices.length);
    this.#residualBytes = floatBytes(step.partTokens, hiddenSize);
    this.#partialBytes = partialBytes(network, step.partTokens, hiddenSize);
    this.#addMs = transferMs(step.partTokens * hiddenSize * 4, network.packBytesPerSecond);
  }

  time(): StepTime {
    return {
      ms: this.#walk() + this.#problem.network.stepMs,
      computeMs: Array.from(this.#computeMs),
    };
  }

  /** All parts through all stages. @returns when the last of them is done */
  #walk(): number {
    const { members } = this.#deal;
    let ready: Ready[] = Array.from({ length: this.#step.parts }, () =>
      this.#tell(members[0]!, 0, this.#residualBytes, this.#hubs[0]!),
    );
    members.forEach((ranks, stage) => {
      if (stage > 0) ready = ready.map((times) => this.#pass(times, stage));
      for (const rank of ranks) this.#diskFreeMs[rank] = Math.max(this.#diskFreeMs[rank]!, ready[0]![rank]!);
      if (ranks.length === 1) this.#alone(ready, stage, ranks[0]!);
      else this.#together(ready, stage, ranks);
    });
    const last = members.at(-1)!;
    const ends = ready.map((times) => Math.max(...last.map((rank) => times[rank]!)));
    if (this.#step.rows > 0) ends.push(this.#head(ready.at(-1)!, last));
    return Math.max(...ends);
  }

  /** From the hub to ranks. */
  #tell(ranks: readonly number[], readyMs: number, bytes: number, hub: HubLane): Ready {
    const times = new Float64Array(this.#links.length);
    for (const rank of ranks) times[rank] = this.#links[rank]!.down(readyMs, bytes, hub);
    return times;
  }

  /** The residual, which all members of the stage before have: their first sends it. */
  #pass(times: Ready, stage: number): Ready {
    const sender = this.#deal.members[stage - 1]![0]!;
    const hub = this.#hubs[stage - 1]!;
    const atHubMs = this.#links[sender]!.up(times[sender]!, this.#residualBytes, hub);
    return this.#tell(this.#deal.members[stage]!, atHubMs, this.#residualBytes, this.#hubs[stage]!);
  }

  /** A stage of one member: no sync, and a part goes through all sublayers before the next does. */
  #alone(ready: readonly Ready[], stage: number, rank: number): void {
    const { computeMs, readMs } = this.#step;
    let [ms, diskMs] = [0, 0];
    for (const at of this.#sublayers(stage)) {
      ms += computeMs[at + rank]!;
      diskMs += readMs[at + rank]!;
    }
    this.#computeParts(ready, rank, ms, diskMs);
  }

  /** A stage of several: all parts go through a sublayer before any goes on; one is computed while others' sums travel. */
  #together(ready: readonly Ready[], stage: number, ranks: readonly number[]): void {
    const { computeMs, readMs } = this.#step;
    for (const at of this.#sublayers(stage)) {
      for (const rank of ranks) this.#computeParts(ready, rank, computeMs[at + rank]!, readMs[at + rank]!);
      if (ranks.length === 2) this.#swap(ready, ranks, this.#hubs[stage]!);
      else for (const times of ready) this.#reduce(times, ranks, this.#hubs[stage]!, stage);
    }
  }

  /** One part after the other; where tiles stream, all at once, since each is in memory but once a step. */
  #computeParts(ready: readonly Ready[], rank: number, ms: number, diskMs: number): void {
    if (diskMs === 0) {
      for (const times of ready) times[rank] = this.#compute(rank, times[rank]!, ms, 0);
      return;
    }
    const readyMs = Math.max(...ready.map((times) => times[rank]!));
    const endMs = this.#compute(rank, readyMs, ms * ready.length, diskMs);
    for (const times of ready) times[rank] = endMs;
  }

  /** Where in the step's tables the sublayers of a stage begin. */
  *#sublayers(stage: number): Generator<number> {
    const { firstLayer, endLayer } = this.#layout.stages[stage]!;
    for (let i = 2 * firstLayer; i < 2 * endLayer; i += 1) yield i * this.#links.length;
  }

  /** Two ranks send each other what they have of each part; who has something first sends first. */
  #swap(ready: readonly Ready[], [one, other]: readonly number[], hub: HubLane): void {
    const sends = ready.flatMap((times) => [
      { times, from: one!, to: other!, readyMs: times[one!]! },
      { times, from: other!, to: one!, readyMs: times[other!]! },
    ]);
    const arrivals = sends
      .sort((a, b) => a.readyMs - b.readyMs || a.from - b.from)
      .map(({ times, from, to, readyMs }) => ({
        times,
        to,
        atHubMs: this.#links[from]!.up(readyMs, this.#partialBytes, hub),
      }));
    for (const { times, to, atHubMs } of arrivals.sort((a, b) => a.atHubMs - b.atHubMs)) {
      const arrivalMs = this.#links[to]!.down(atHubMs, this.#partialBytes, hub);
      times[to] = Math.max(times[to]!, arrivalMs);
    }
  }

  /** All send to the hub, which adds in the order of arrival and sends the total to all. */
  #reduce(times: Ready, ranks: readonly number[], hub: HubLane, stage: number): void {
    const bytes = this.#partialBytes;
    const order = this.#orders[stage]!;
    sortAlmostSorted(order, (rank) => times[rank]! + this.#links[rank]!.delayMs);
    for (const rank of order) {
      const arrivedMs = this.#links[rank]!.up(times[rank]!, bytes, hub);
      hub.addFreeMs = Math.max(hub.addFreeMs, arrivedMs) + this.#addMs;
    }
    for (const rank of ranks) times[rank] = this.#links[rank]!.down(hub.addFreeMs, bytes, hub);
  }

  #head(times: Ready, last: readonly number[]): number {
    const { work } = this.#problem;
    const { rows, headMs, headReadMs } = this.#step;
    const { hiddenSize, vocabSize } = work.description.config;
    const hub = this.#hubs.at(-1)!;
    const holders = this.#deal.vocabulary.flatMap((tiles, rank) => (tiles > 0 ? [rank] : []));
    const others = holders.filter((rank) => !last.includes(rank));
    let told = times;
    if (others.length > 0) {
      const sender = last[0]!;
      const bytes = floatBytes(rows, hiddenSize);
      told = this.#tell(others, this.#links[sender]!.up(times[sender]!, bytes, hub), bytes, hub);
    }
    const ends = holders.map((rank) => {
      const readyMs = last.includes(rank) ? times[rank]! : told[rank]!;
      const doneMs = this.#compute(rank, readyMs, headMs[rank]!, headReadMs[rank]!);
      const vocabularyRows = (this.#deal.vocabulary[rank]! * vocabSize) / work.vocabulary.tiles;
      return this.#links[rank]!.up(doneMs, logitBytes(rows, vocabularyRows), hub);
    });
    return Math.max(...ends);
  }

  /** One rank's work, and the reading ahead of it. @returns when it is done */
  #compute(rank: number, readyMs: number, ms: number, diskMs: number): number {
    this.#diskFreeMs[rank]! += diskMs;
    const computedMs = Math.max(readyMs, this.#computeFreeMs[rank]!) + ms;
    const endMs = diskMs > 0 ? Math.max(computedMs, this.#diskFreeMs[rank]!) : computedMs;
    this.#computeFreeMs[rank] = endMs;
    this.#computeMs[rank]! += ms;
    return endMs;
  }
}

/** By insertion: from sync to sync the order hardly changes. */
function sortAlmostSorted(items: number[], keyOf: (item: number) => number): void {
  for (let i = 1; i < items.length; i += 1) {
    const item = items[i]!;
    const key = keyOf(item);
    let place = i;
    for (; place > 0 && keyOf(items[place - 1]!) > key; place -= 1) items[place] = items[place - 1]!;
    items[place] = item;
  }
}
