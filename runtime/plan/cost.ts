import { type Deal, dealLayout } from './deal.ts';
import type { Layout } from './layout.ts';
import type { RankMemory, RankReads } from './memory.ts';
import { floatBytes, logitBytes, partialBytes } from './network.ts';
import type { Problem } from './problem.ts';
import { type StepTime, StepWalk } from './step-walk.ts';
import { type StepLoad, type StepWork, stepWork } from './step-work.ts';

/** What a layout is predicted to be like. */
export interface Prediction {
  /** Time per output token, in the middle of the answer. */
  readonly tpotMs: number;
  /** Time to first token. */
  readonly ttftMs: number;
  /** Time per output token of each of several answers that are written at once. */
  readonly batchTpotMs: number;
  /** [device] */
  readonly devices: readonly DevicePrediction[];
  /** Whether no device takes more memory than it has. */
  readonly fits: boolean;
}

export interface DevicePrediction {
  readonly memory: RankMemory;
  /** Of an output token's time: computing, and all else of it. */
  readonly computeMs: number;
  readonly waitMs: number;
  /** For an output token. */
  readonly syncs: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

/** A layout with what follows from it, however many tokens a step has. */
export class LayoutCost {
  readonly problem: Problem;
  readonly layout: Layout;
  readonly deal: Deal;
  /** [device] */
  readonly memory: readonly RankMemory[];
  readonly fits: boolean;
  /** [device] Undefined where all stays in memory. */
  readonly #reads: readonly (RankReads | undefined)[];

  constructor(problem: Problem, layout: Layout) {
    const { devices, memories } = problem;
    this.problem = problem;
    this.layout = layout;
    this.deal = dealLayout(problem.work, layout);
    const held = devices.map((_, rank) => memories.held(this.deal, rank));
    const reads = devices.map((device, rank) => memories.reads(held[rank]!, device));
    this.memory = devices.map((device, rank) => memories.of(held[rank]!, device, reads[rank]));
    const isUsed = devices.map((_, rank) => this.uses(rank));
    this.fits = this.memory.every(
      ({ neededBytes }, rank) => !isUsed[rank] || neededBytes <= devices[rank]!.memoryBytes,
    );
    this.#reads = reads.map((each, rank) => (isUsed[rank] ? each : undefined));
  }

  /** Whether a device has a part in it. */
  uses(rank: number): boolean {
    const { members, vocabulary } = this.deal;
    return vocabulary[rank]! > 0 || members.some((ranks) => ranks.includes(rank));
  }

  /** Whether a device reads tiles from disk for each step. */
  streams(rank: number): boolean {
    return this.#reads[rank] !== undefined;
  }

  work(load: StepLoad): StepWork {
    return stepWork(this, load, this.#reads);
  }

  /** The steps that a prompt is read in. */
  promptSteps(): StepLoad[] {
    const { usage, work } = this.problem;
    const steps: StepLoad[] = [];
    for (let start = 0; start < usage.promptTokens; start += work.options.maxStepTokens) {
      const tokens = Math.min(work.options.maxStepTokens, usage.promptTokens - start);
      steps.push({ tokens, start, rows: start + tokens === usage.promptTokens ? 1 : 0 });
    }
    return steps;
  }

  /** One token of each of so many sequences, in the middle of their answers. */
  decodeStep(sequences: number): StepLoad {
    const { promptTokens, answerTokens } = this.problem.usage;
    return { tokens: sequences, start: promptTokens + Math.floor(answerTokens / 2), rows: sequences };
  }

  /** Milliseconds of a step that writes a token of each of so many answers. */
  tpotMs(sequences: number): number {
    return this.#walk(this.decodeStep(sequences)).ms;
  }

  /** Steps between the first and the last differ by the positions that they find alone: their mean is theirs. */
  ttftMs(): number {
    const steps = this.promptSteps();
    const stepMs = (load: StepLoad) => this.#walk(load).ms;
    if (steps.length <= 3) return steps.reduce((sum, load) => sum + stepMs(load), 0);
    const mean = (stepMs(steps[0]!) + stepMs(steps.at(-2)!)) / 2;
    return mean * (steps.length - 1) + stepMs(steps.at(-1)!);
  }

  predict(): Prediction {
    const { usage, devices } = this.problem;
    const decode = this.#walk(this.decodeStep(1));
    const traffic = this.#traffic();
    return {
      tpotMs: decode.ms,
      ttftMs: this.ttftMs(),
      batchTpotMs: this.tpotMs(usage.sequences),
      devices: devices.map((_, rank) => ({
        memory: this.memory[rank]!,
        computeMs: decode.computeMs[rank]!,
        waitMs: Math.max(0, decode.ms - decode.computeMs[rank]!),
        ...traffic[rank]!,
      })),
      fits: this.fits,
    };
  }

  #walk(load: StepLoad): StepTime {
    return new StepWalk(this.problem, this.layout, this.deal, this.work(load)).time();
  }

  /** What one output token brings over each link. */
  #traffic(): { syncs: number; upBytes: number; downBytes: number }[] {
    const { devices, network, work } = this.problem;
    const { hiddenSize, vocabSize } = work.description.config;
    const bytes = partialBytes(network, 1, hiddenSize);
    return devices.map(({ link }, rank) => {
      let syncs = 0;
      let stages = 0;
      this.layout.stages.forEach(({ firstLayer, endLayer }, stage) => {
        const members = this.deal.members[stage]!;
        if (!members.includes(rank)) return;
        stages += 1;
        if (members.length > 1) syncs += 2 * (endLayer - firstLayer);
      });
      if (!link) return { syncs, upBytes: 0, downBytes: 0 };
      const rows = (this.deal.vocabulary[rank]! * vocabSize) / work.vocabulary.tiles;
      const hops = stages * floatBytes(1, hiddenSize);
      return {
        syncs,
        upBytes: Math.ceil(syncs * bytes + (rows > 0 ? logitBytes(1, rows) : hops)),
        downBytes: syncs * bytes + hops,
      };
    });
  }
}
