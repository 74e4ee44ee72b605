import { KernelCodec } from '../runtime/collective/kernel-codec.ts';
import { Rank } from '../runtime/decoder/rank.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import type { FileVersion } from '../runtime/gguf/source.ts';
import { Arena } from '../runtime/kernels/arena.ts';
import { type Kernels, maximumPages } from '../runtime/kernels/kernels.ts';
import { type ModelDescription, sameDescription } from '../runtime/model/description.ts';
import type { ModelFile } from '../runtime/model/model-file.ts';
import type { Assignment } from '../runtime/plan/plan.ts';
import { alone, controlBytes, SharedTeam, shareOf, type Team } from '../runtime/threads/team.ts';
import type { CreateRank } from './rank-runner.ts';

/** All that a thread needs to follow a rank's leader: it can be posted to it as it is. */
export interface FollowerJob {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly teamSize: number;
  /** Where the rank's part of the memory begins. */
  readonly firstByte: number;
  readonly description: ModelDescription;
  readonly assignment: Assignment;
  readonly options: RankOptions;
  /** The model, if the threads are to cut the rank's tiles out of it. */
  readonly model: FileVersion | undefined;
}

/** Told of each tile that stands in the rank's memory. */
export type OnLoaded = (tileId: number) => void;

export interface Threads {
  /** Threads of one rank, the leader's included. */
  readonly count: number;
  /**
   * Starts the others; each runs `followRank`.
   * @returns settles when all are ready for steps
   */
  start(job: FollowerJob, onLoaded: OnLoaded): Promise<void>;
}

const noThreads: Threads = { count: 1, start: async () => {} };

/**
 * Ranks that compute with the kernels, each in a memory of its own that goes when the rank goes.
 * @param model a model on this device: a rank's tiles are cut out of it, instead of being sent, if they are its
 */
export function kernelRanks(
  startKernels: (memory?: WebAssembly.Memory) => Kernels,
  threads: Threads = noThreads,
  model?: ModelFile,
): CreateRank {
  return (description, assignment, options) => {
    const shared =
      threads.count > 1 && new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true });
    const kernels = shared ? startKernels(shared) : startKernels();
    const arena = new Arena(kernels.memory);
    const planeValues = assignment.worldSize > 1 ? options.maxStepTokens * description.config.hiddenSize : 0;
    const codec = new KernelCodec(kernels, arena, planeValues);
    const control = new SharedArrayBuffer(controlBytes);
    const team = shared ? new SharedTeam(control, 0, threads.count) : undefined;
    const firstByte = arena.usedBytes;
    // The leader first: it makes the memory as large as all will find it.
    const rank = new Rank(kernels, arena, description, assignment, options, team);
    let closed = false;
    const own = model && sameDescription(model.description, description) ? model : undefined;
    return {
      rank,
      codec,
      ownTileIds: own ? assignment.tileIds : [],
      async prepare(onLoaded) {
        const loaded = (id: number) => {
          rank.tileLoaded(id);
          onLoaded(id);
        };
        const { memory } = kernels;
        const job = { memory, control, teamSize: threads.count, firstByte, description, assignment, options };
        await Promise.all([
          threads.start({ ...job, model: own?.gguf.file }, loaded),
          own && cutShare(own, assignment.tileIds, rank, team ?? alone, () => closed, loaded),
        ]);
      },
      close() {
        closed = true;
        team?.stop();
      },
    };
  };
}

/** A thread's share of the rank's tiles, cut straight into its memory. */
async function cutShare(
  model: ModelFile,
  tileIds: readonly number[],
  rank: Rank,
  team: Team,
  isClosed: () => boolean,
  onLoaded: OnLoaded,
): Promise<void> {
  // Neighbours, since they are parts of the same tensors.
  for (const id of tileIds.slice(...shareOf(team, tileIds.length))) {
    if (isClosed()) return;
    await model.cutTile(model.tiles[id]!, rank.tileSlot(id));
    onLoaded(id);
  }
}

/** What a following thread needs, and whom it tells. */
export interface FollowerTools {
  readonly startKernels: (memory: WebAssembly.Memory) => Kernels;
  readonly openModel: (file: FileVersion) => Promise<ModelFile>;
  readonly onLoaded: OnLoaded;
  readonly onReady: () => void;
}

/** The life of a thread that follows: it ends when the leader's rank is closed. */
export async function followRank(job: FollowerJob, index: number, tools: FollowerTools): Promise<void> {
  const team = new SharedTeam(job.control, index, job.teamSize);
  try {
    const kernels = tools.startKernels(job.memory);
    const arena = new Arena(job.memory, undefined, job.firstByte);
    const rank = new Rank(kernels, arena, job.description, job.assignment, job.options, team);
    if (job.model) {
      const model = await tools.openModel(job.model);
      await cutShare(model, job.assignment.tileIds, rank, team, () => team.stopped, tools.onLoaded);
      await model.close();
    }
    tools.onReady();
    rank.follow(team);
  } catch (error) {
    team.fail();
    throw error;
  }
}
