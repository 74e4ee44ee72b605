import type { Lend } from '../runtime/decoder/lending.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import type { StageAssignment } from '../runtime/decoder/stage-assignment.ts';
import type { Kernels } from '../runtime/kernels/kernels.ts';
import type { ModelDescription } from '../runtime/model/description.ts';
import type { ModelPlace } from '../runtime/model/tile-model.ts';
import type { RankSetup } from './create-rank.ts';
import type { ProfileMemory } from './profile-memory.ts';
import type { LoadEvents, RankTile, TileSources } from './tile-sources.ts';
import type { RowReaderJob } from './row-read-host.ts';
import type { LoaderJob } from './window-host.ts';

/** All that a thread needs to follow a rank's leader: it can be posted to it as it is. */
export interface FollowerJob {
  readonly stages: readonly StageAssignment[];
  /** One for each stage. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly windows: readonly (SharedArrayBuffer | undefined)[];
  readonly rows: readonly (SharedArrayBuffer | undefined)[];
  readonly control: SharedArrayBuffer;
  readonly teamSize: number;
  readonly description: ModelDescription;
  readonly options: RankOptions;
  readonly profile: ProfileMemory | undefined;
  /** What the threads are to load. */
  readonly tiles: readonly RankTile[];
  /** The model, if it is this rank's. */
  readonly model: ModelPlace | undefined;
}

export interface Threads {
  /** Threads of one rank, the leader's included. */
  readonly count: number;
  /** Whether the others load tiles too, or leave that to the leader. */
  readonly loads: boolean;
  /**
   * Starts the others; each runs `followRank`.
   * @returns settles when all are ready for steps
   */
  start(job: FollowerJob, events: LoadEvents): Promise<void>;
}

export const noThreads: Threads = { count: 1, loads: false, start: async () => {} };

export interface RowReaders {
  /** What a read costs beside its bytes, in bytes that could be read on meanwhile. It may block, to measure. */
  seekBytes(): number;
  /** What the threads take beside what they read, of the memory that the device gives to a rank. */
  readonly threadBytes: number;
  /** Starts threads that run `runRowReader`. */
  start(job: RowReaderJob): void;
}

export interface RankTools {
  readonly startKernels: (memory: WebAssembly.Memory) => Kernels;
  readonly threads?: Threads;
  readonly sources: TileSources;
  /** What the memories of a rank may hold together. By default there is no end to it. */
  readonly memoryBytes?: number;
  /** What one memory may hold: a rank that needs more gets several. */
  readonly arenaLimitBytes?: number;
  /** Starts a thread that runs `runLoader`; steps come when it has started. Without it nothing streams. */
  readonly startLoader?: ((job: LoaderJob) => void | Promise<void>) | undefined;
  /**
   * Of a rank that has its tiles: what of them to lend to a GPU, if anything.
   * @param spareBytes what it has left of `memoryBytes`
   */
  readonly lending?: ((setup: RankSetup, spareBytes: number) => Promise<Lend | undefined>) | undefined;
  /** For a device that reads records of neurons by themselves, where weights stream. */
  readonly rowReaders?: RowReaders | undefined;
  /** Told that a rank has its tiles: what this thread needed to get them is garbage now. */
  readonly onLoaded?: () => void;
  /** Told of what went wrong and does not matter yet. */
  readonly onUnkept?: (error: unknown) => void;
}
