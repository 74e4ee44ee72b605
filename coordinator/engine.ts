import { systemClock } from '../device-agent/clock.ts';
import { type GpuWishes, noGpu } from '../device-agent/gpu-wishes.ts';
import { type Logger, silentLogger } from '../device-agent/logger.ts';
import { collectGarbage } from '../device-agent/node/collect-garbage.ts';
import { idleProcessors } from '../device-agent/node/compute-threads.ts';
import { startKernels } from '../device-agent/node/kernel-files.ts';
import { memoryBudget } from '../device-agent/node/memory-budget.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import { answerVocabulary } from '../runtime/generation/answer-vocabulary.ts';
import type { KvFormat } from '../runtime/kernels/kv-page.ts';
import type { ModelFile } from '../runtime/model/model-file.ts';
import type { Goal } from '../runtime/plan/goal.ts';
import type { Tokenizer } from '../runtime/tokenizer/tokenizer.ts';
import { ModelChat } from './chat/model-chat.ts';
import { CheckThread } from './checking/check-thread.ts';
import { Checks } from './checking/checks.ts';
import { type Arrange, arrangeAll, goOnWithAll } from './cluster/arrangement.ts';
import { Cluster } from './cluster/cluster.ts';
import { type ClusterOptions, defaultDeviceWaitMs } from './cluster/cluster-options.ts';
import { HoldOffs } from './cluster/hold-offs.ts';
import { type LocalRank, type LocalRankOptions, startLocalRank } from './cluster/local-rank.ts';
import type { Member } from './cluster/member.ts';
import { Pauses } from './cluster/pauses.ts';
import { Quarantine } from './cluster/quarantine.ts';
import { pipelineLayout, tensorLayout } from './cluster/seat-layouts.ts';
import { readTokenizer } from './files/open-model.ts';
import { openTileHashes, type TileHashFile } from './files/tile-hash-file.ts';
import { TileThread } from './files/tile-thread.ts';
import { PlanThread } from './planning/plan-thread.ts';
import { Planning } from './planning/planning.ts';
import { stopgapFor } from './planning/stopgap.ts';
import { Measuring } from './probe/measuring.ts';
import { weightFormats } from './probe/weight-formats.ts';
import type { Profiler } from './profile/profiler.ts';
import { rankOptions } from './rank-options.ts';
import { Scheduler } from './scheduler/scheduler.ts';

export interface EngineOptions {
  readonly model: ModelFile;
  /** Ranks in worker threads of this process. */
  readonly localRanks: number;
  readonly kvFormat: KvFormat;
  /** Threads of a local rank; by default as many as there are idle processors, or one for each of several ranks. */
  readonly threads?: number | undefined;
  /** What this process may take; by default what it has and what is available. */
  readonly memoryBytes?: number | undefined;
  /** What tiles that its ranks keep may take of the disk. */
  readonly cacheBytes?: number | undefined;
  /** Of the first local rank. */
  readonly gpu?: GpuWishes | undefined;
  /** Requests that are answered at the same time. */
  readonly parallel: number;
  readonly contextLength?: number | undefined;
  /** Where devices may join, without shares a planner decides who of them computes what. */
  readonly shares?: readonly number[] | undefined;
  /** Who computes what, in place of all that: for whoever compares. */
  readonly arrange?: Arrange | undefined;
  /** What the planner is to be best at; by default the latency. */
  readonly goal?: Goal | undefined;
  /** Whether shares are of every layer, or of the number of layers; by default the former. */
  readonly cut?: 'tensor' | 'pipeline' | undefined;
  /** Devices to wait for before the first start, local ranks included. */
  readonly minDevices?: number | undefined;
  /** Whether devices may join, so that requests wait for them a while. */
  readonly joinable?: boolean;
  readonly onProgress?: ClusterOptions['onProgress'];
  readonly logger?: Logger;
  readonly profiler?: Profiler | undefined;
  /** Of a step: that a part of it is computed again, to check a device; by default 0. */
  readonly checkProbability?: number | undefined;
  /** How long a request waits while no device can compute; where none can join it never does. */
  readonly deviceWaitMs?: number;
}

/** One model at work: the cluster that computes it and all that turns requests into its steps. */
export class Engine {
  readonly model: ModelFile;
  readonly tokenizer: Tokenizer;
  readonly cluster: Cluster;
  /** What each rank allocates. */
  readonly rankOptions: RankOptions;
  readonly scheduler: Scheduler;
  readonly chat: ModelChat;
  /** Undefined where nobody can join. */
  readonly planning: Planning | undefined;
  readonly pauses = new Pauses();
  readonly quarantine = new Quarantine();
  /** Where a planner decides who computes. */
  readonly #holdOffs: HoldOffs | undefined;
  readonly #localRanks: LocalRank[] = [];
  /** Where devices may join: a model that is one device's needs no figures. */
  readonly #measuring: Measuring | undefined;
  readonly #hashFile: TileHashFile | undefined;
  readonly #tileThread: TileThread | undefined;
  readonly #planThread: PlanThread | undefined;
  readonly #checkThread: CheckThread | undefined;

  private constructor(options: EngineOptions) {
    const { model, logger = silentLogger, minDevices } = options;
    const { exp, log } = startKernels();
    this.model = model;
    this.tokenizer = readTokenizer(model.gguf);
    this.chat = new ModelChat(this.tokenizer);
    const { file } = model.gguf;
    this.#hashFile = file && openTileHashes(file, model, logger);
    this.#tileThread = model.place && new TileThread(model.place);
    this.rankOptions = rankOptions(options);
    const { layerCount } = model.config;
    const layoutByHand = (options.cut === 'pipeline' ? pipelineLayout : tensorLayout)(layerCount);
    const byHand = arrangeAll(layoutByHand);
    if (options.joinable) {
      this.#planThread = new PlanThread({
        description: model.description,
        options: this.rankOptions,
        rowShares: model.rowShares,
      });
      const goal = options.goal ?? 'latency';
      this.planning = new Planning({ thread: this.#planThread, goal, unmeasured: byHand, logger });
    }
    if (model.place && options.checkProbability) this.#checkThread = new CheckThread(model.place);
    this.cluster = new Cluster({
      model,
      checks: this.#checkThread && this.#checks(this.#checkThread, options),
      ...(this.#hashFile && { hashes: this.#hashFile.hashes }),
      rankOptions: this.rankOptions,
      logger,
      profiler: options.profiler,
      ...(this.#tileThread && { tiles: this.#tileThread }),
      onReset: (kept) => this.scheduler.cachesLost(kept),
      onDistrust: () => this.scheduler.startOver(),
      deviceWaitMs: options.joinable ? (options.deviceWaitMs ?? defaultDeviceWaitMs) : 0,
      ...(options.shares && { shares: options.shares }),
      arrange: options.arrange ?? ((!options.shares && this.planning?.arrange) || byHand),
      ...(this.planning && {
        stopgap: options.shares ? goOnWithAll(layoutByHand) : stopgapFor(model, this.rankOptions),
      }),
      ...(minDevices && { minDevices }),
      onProgress: (progress) => {
        options.onProgress?.(progress);
        if (progress.loadedTiles === progress.tiles) collectGarbage();
      },
    });
    if (options.joinable && !options.shares)
      this.#holdOffs = new HoldOffs({
        clock: systemClock,
        logger,
        isStuck: () => this.cluster.deviceStates().every(({ rank }) => rank === undefined),
      });
    this.#measuring = options.joinable ? this.#measuringOf(options) : undefined;
    this.scheduler = new Scheduler({
      runner: this.cluster,
      vocabulary: answerVocabulary(this.tokenizer),
      math: { exp, log },
    });
  }

  /** Starts the local ranks; `cluster.whenReady` tells when there is enough to answer. */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    try {
      const { localRanks } = options;
      const shared = localRankOptions(options);
      for (let i = 0; i < localRanks; i += 1) {
        const name = localRanks > 1 ? { name: `local-${i}` } : {};
        const gpu = i === 0 ? options.gpu : noGpu;
        const rank = await startLocalRank({ ...shared, ...name, gpu });
        engine.#localRanks.push(rank);
        await engine.join(rank.member);
      }
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** Takes in a device that has said who it is, as soon as it is known how fast it is. */
  async join(member: Member): Promise<void> {
    this.pauses.watch(member);
    this.quarantine.watch(member);
    this.#holdOffs?.watch(member);
    if (this.#measuring) await this.#measuring.join(member);
    else this.cluster.add(member);
  }

  async close(): Promise<void> {
    this.#measuring?.close();
    this.#holdOffs?.close();
    await this.scheduler.close();
    this.cluster.close();
    await Promise.all(this.#localRanks.map((rank) => rank.stop()));
    await this.chat.close();
    this.#hashFile?.close();
    await this.#tileThread?.close();
    await this.#planThread?.close();
    await this.#checkThread?.close();
    await this.model.close();
  }

  #checks(checker: CheckThread, { model, checkProbability, logger = silentLogger }: EngineOptions): Checks {
    return new Checks({
      checker,
      model,
      probability: checkProbability ?? 0,
      logger,
      onFault: (member, fault) => {
        logger.error(
          { device: member.info.name, ...fault.fields, reason: fault.message },
          'a device is quarantined',
        );
        this.cluster.distrust(fault);
        this.quarantine.put(member, fault);
      },
    });
  }

  #measuringOf({ model, kvFormat }: EngineOptions): Measuring {
    return new Measuring({
      request: { formats: weightFormats(model.description), kvFormat },
      quiet: this.cluster.quiet,
      clock: systemClock,
      add: (member) => this.cluster.add(member),
      onSlowed: (member) => this.#holdOffs?.slowed(member),
      onChanged: () => this.cluster.reconsider(),
    });
  }
}

/** Several ranks on one machine share its memory, and have no processors to spare for threads of their own. */
function localRankOptions(options: EngineOptions): LocalRankOptions {
  const { model, localRanks, memoryBytes, cacheBytes, logger } = options;
  const threads = options.threads ?? (localRanks > 1 ? 1 : idleProcessors());
  // They cut tiles for others, plan, and check.
  const helpers = (options.joinable ? 2 : 0) + (options.checkProbability ? 1 : 0);
  const budget = memoryBudget(memoryBytes, {
    threads: localRanks * (1 + threads) + helpers,
    messageBytes: 4 * model.config.vocabSize,
  });
  return {
    threads,
    memoryBytes: Math.floor(budget / localRanks),
    cacheBytes,
    model: model.place,
    ...(logger && { logger }),
  };
}
