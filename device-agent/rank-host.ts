import { planMemory, type RowLimits } from '../runtime/decoder/plan-memory.ts';
import { Rank } from '../runtime/decoder/rank.ts';
import type { StageAssignment } from '../runtime/decoder/stage-assignment.ts';
import { HearthError } from '../runtime/error.ts';
import { maximumMemoryBytes, newMemory } from '../runtime/kernels/kernels.ts';
import { type ModelDescription, sameDescription } from '../runtime/model/description.ts';
import type { TileModel } from '../runtime/model/tile-model.ts';
import type { StepProfile } from '../runtime/profile/step-profile.ts';
import type { MemoryUse } from '../runtime/protocol/messages.ts';
import type { Tile } from '../runtime/protocol/tile-frame.ts';
import { alone, controlBytes, SharedTeam, type Team } from '../runtime/threads/team.ts';
import { hashName } from '../runtime/tile/tile-hash.ts';
import { RowReads } from '../runtime/weights/row-reads.ts';
import { WindowControl } from '../runtime/weights/window-control.ts';
import { carryOver, type HeldTile } from './carry-over.ts';
import type { CreateRank, LoadReport, RankHost, RankSetup } from './create-rank.ts';
import { type ProfileMemory, profileMemory, stepProfile, threadRecorder } from './profile-memory.ts';
import { placesIn, rowsOf, windowOf } from './rank-places.ts';
import { type FollowerJob, noThreads, type RankTools, type Threads } from './rank-tools.ts';
import type { TileCache } from './tile-cache.ts';
import { TileLoading } from './tile-loading.ts';
import { type LoadEvents, loadShare, type RankTile, sourcesFor, tilesToGet } from './tile-sources.ts';

/** Ranks that compute with the kernels, each in memories of its own that go when the rank goes. */
export function kernelRanks(tools: RankTools): CreateRank {
  return (setup, previous) => new KernelRank(setup, tools, previous);
}

class KernelRank implements RankHost {
  readonly rank: Rank;
  readonly profile: StepProfile | undefined;
  readonly #setup: RankSetup;
  readonly #tools: RankTools;
  readonly #threads: Threads;
  readonly #stages: readonly StageAssignment[];
  readonly #memories: readonly WebAssembly.Memory[];
  readonly #windows: readonly (SharedArrayBuffer | undefined)[];
  readonly #windowControls: readonly WindowControl[];
  readonly #rows: readonly (SharedArrayBuffer | undefined)[];
  readonly #rowReads: readonly RowReads[];
  readonly #profileMemory: ProfileMemory | undefined;
  readonly #leader: SharedTeam | undefined;
  readonly #team: Team;
  /** What this device was before, until its tiles are carried over. */
  #previous: KernelRank | undefined;
  #loading: TileLoading | undefined;
  #closed = false;

  /** @throws HearthError MEMORY_EXHAUSTED, KERNEL_UNAVAILABLE */
  constructor(setup: RankSetup, tools: RankTools, previous: RankHost | undefined) {
    const { description, options } = setup;
    const { threads = noThreads, arenaLimitBytes = maximumMemoryBytes } = tools;
    this.#setup = setup;
    this.#tools = tools;
    this.#threads = threads;
    this.#stages = this.#plan(previous);
    this.#windows = this.#stages.map(windowOf);
    this.#windowControls = this.#windows.flatMap((window) => (window ? [new WindowControl(window)] : []));
    this.#rows = this.#stages.map((stage) => rowsOf(stage, threads.count));
    this.#rowReads = this.#rows.flatMap((memory) => (memory ? [new RowReads(memory, threads.count)] : []));
    const streams = this.#windowControls.length > 0;
    if (streams) checkCache(setup, tools.sources.cache!);
    const shared = threads.count > 1 || streams;
    this.#memories = this.#stages.map(() => newMemory(arenaLimitBytes, shared));
    this.#profileMemory = setup.profile ? profileMemory(threads.count) : undefined;
    const recorder = threadRecorder(this.#profileMemory, 0);
    if (threads.count > 1)
      this.#leader = new SharedTeam(new SharedArrayBuffer(controlBytes), 0, threads.count, recorder);
    this.#team = this.#leader ?? { ...alone, recorder };
    // The leader first: it makes the memories as large as all will find them.
    const places = placesIn(this.#memories, this.#windows, this.#rows, tools.startKernels);
    this.rank = new Rank(places, description, this.#stages, options, this.#team);
    const loaders = this.#windowControls.map((window) => () => window.statistics.readMs);
    this.profile = stepProfile(this.#profileMemory, this.#team, loaders);
  }

  /** Beside the rank before, if there is memory for both; else in its place. */
  #plan(previous: RankHost | undefined): readonly StageAssignment[] {
    const { description, assignment, options } = this.#setup;
    const { memoryBytes = Number.POSITIVE_INFINITY, arenaLimitBytes = maximumMemoryBytes } = this.#tools;
    const readsRows = description.firing && !options.ffn?.everyNeuron;
    const within = (budgetBytes: number, streams: boolean) =>
      planMemory(description, assignment, options, this.#threads.count, {
        budgetBytes,
        arenaLimitBytes,
        streams,
        rows: streams && readsRows ? this.#rowLimits() : undefined,
      });
    if (previous instanceof KernelRank && previous.#isCarriedTo(description)) {
      try {
        const stages = within(memoryBytes - previous.#usedBytes, false);
        this.#previous = previous;
        return stages;
      } catch (error) {
        if (!(error instanceof HearthError && error.code === 'MEMORY_EXHAUSTED')) throw error;
      }
    }
    return within(
      memoryBytes,
      this.#tools.startLoader !== undefined && this.#tools.sources.cache !== undefined,
    );
  }

  #rowLimits(): RowLimits | undefined {
    const { rowReaders } = this.#tools;
    return rowReaders && { seekBytes: rowReaders.seekBytes(), threadBytes: rowReaders.threadBytes };
  }

  async load(report: LoadReport): Promise<void> {
    const { sources, onUnkept = () => {} } = this.#tools;
    const own = sourcesFor(sources, this.#setup.description);
    const tiles = tilesToGet(this.#setup);
    const carried = carryOver(tiles, this.#previous, this.rank);
    this.#previous = undefined;
    const loading = new TileLoading({ tiles, carried, sources: own, places: this.rank, report, onUnkept });
    this.#loading = loading;
    const { loads } = this.#threads;
    await Promise.all([
      this.#startThreads(loads ? loading.here : [], loading.events, own.model),
      loadShare(loading.here, loads ? this.#team : alone, this.rank, own, loading.events, () => this.#closed),
      loading.done,
    ]);
    // Who is ready may be closed at any moment, and is to come back with what it was sent.
    await own.cache?.written?.();
    if (this.#closed) return;
    await this.#startLoaders(loading.hashes);
    await this.#lend();
    this.#tools.onLoaded?.();
  }

  deliver(tile: Tile): void {
    this.#loading?.deliver(tile);
  }

  close(): void {
    this.#closed = true;
    this.#leader?.stop();
    for (const window of this.#windowControls) window.stop();
    for (const reads of this.#rowReads) reads.stop();
    this.rank.endLending();
  }

  async #lend(): Promise<void> {
    const { lending, memoryBytes = Number.POSITIVE_INFINITY } = this.#tools;
    const lend = await lending?.(this.#setup, memoryBytes - this.#usedBytes);
    if (lend && !this.#closed) await this.rank.lend(lend);
    if (this.#closed) this.rank.endLending();
  }

  /** What streams may have been overwritten in memory. */
  #isCarriedTo(description: ModelDescription): boolean {
    return this.#windowControls.length === 0 && sameDescription(this.#setup.description, description);
  }

  get #usedBytes(): number {
    return this.#memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  /** A tile that it has got, in its memory. */
  heldTile(id: number): HeldTile | undefined {
    const hash = this.#loading?.hashes.get(id);
    const bytes = hash && this.rank.tileSlot(id);
    return bytes && { hash, bytes };
  }

  memory(): Omit<MemoryUse, 'steps'> {
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const statistics = this.#windowControls.map((window) => window.statistics);
    const rows = this.#rowReads.map((reads) => reads.statistics);
    const residentBytes = sum(this.rank.stores.map((store) => store.residentBytes));
    const windowBytes = sum(this.rank.stores.map((store) => store.windowBytes));
    return {
      budgetBytes: Math.min(this.#tools.memoryBytes ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      residentBytes,
      windowBytes,
      coldBytes: sum(this.rank.stores.map((store) => store.coldBytes)),
      otherBytes: this.#usedBytes - residentBytes - windowBytes,
      keptTiles: this.#loading?.keptTiles ?? 0,
      gpuTiles: this.rank.lentTiles,
      streamedBytes: sum(statistics.map(({ bytes }) => bytes)),
      readMs: sum(statistics.map(({ readMs }) => readMs)),
      records: sum(rows.map(({ records }) => records)),
      recordBytes: sum(rows.map(({ bytes }) => bytes)),
      waitMs: sum([...statistics, ...rows].map(({ waitMs }) => waitMs)),
    };
  }

  async #startThreads(
    tiles: readonly RankTile[],
    events: LoadEvents,
    model: TileModel | undefined,
  ): Promise<void> {
    if (!this.#leader) return;
    const { description, options } = this.#setup;
    const job: FollowerJob = {
      stages: this.#stages,
      memories: this.#memories,
      windows: this.#windows,
      rows: this.#rows,
      control: this.#leader.control,
      teamSize: this.#leader.size,
      description,
      options,
      profile: this.#profileMemory,
      tiles,
      model: model?.place,
    };
    await this.#threads.start(job, events);
  }

  async #startLoaders(hashes: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const starts = this.#stages.map(({ weightBytes, seekBytes }, i) => {
      const control = this.#windows[i];
      if (!control || weightBytes === undefined) return undefined;
      const { specs, region, residents, residency } = this.rank.stores[i]!;
      const tiles = { specs, hashes: specs.map(({ id }) => hashName(hashes.get(id)!)) };
      const place = { memory: this.#memories[i]!, teamSize: this.#team.size };
      const cold = [...residency!.cold];
      const rows = this.#rows[i];
      if (rows && cold.length > 0) this.#tools.rowReaders!.start({ ...place, ...tiles, control: rows, cold });
      return this.#tools.startLoader!({
        ...place,
        ...tiles,
        control,
        region,
        weightBytes,
        residents,
        seekBytes,
      });
    });
    await Promise.all(starts);
  }
}

/** What streams must stay where it streams from, and all tiles of a rank are kept. */
function checkCache(setup: RankSetup, { capacityBytes }: TileCache): void {
  const tileBytes = tilesToGet(setup).reduce((sum, { spec }) => sum + spec.byteLength, 0);
  if (tileBytes <= capacityBytes) return;
  throw new HearthError(
    'CACHE_WRITE_FAILED',
    `the weights of this rank, ${tileBytes} bytes, do not fit in memory and have to be read from disk, where they may ` +
      `take ${capacityBytes}. Let them take more (--cache), or give this device more memory or fewer tiles.`,
    { tileBytes, capacityBytes },
  );
}
