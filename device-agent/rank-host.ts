import { planStages } from '../runtime/decoder/plan-stages.ts';
import { Rank } from '../runtime/decoder/rank.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import type { StageAssignment } from '../runtime/decoder/stage-assignment.ts';
import type { FileVersion } from '../runtime/gguf/source.ts';
import { Arena } from '../runtime/kernels/arena.ts';
import { type Kernels, maximumMemoryBytes, newMemory } from '../runtime/kernels/kernels.ts';
import { type ModelDescription, sameDescription } from '../runtime/model/description.ts';
import type { ModelFile } from '../runtime/model/model-file.ts';
import type { Assignment } from '../runtime/plan/plan.ts';
import { alone, controlBytes, SharedTeam, shareOf, type Team } from '../runtime/threads/team.ts';
import { type ProfileMemory, profileMemory, stepProfile, threadRecorder } from './profile-memory.ts';
import type { CreateRank } from './rank-runner.ts';

/** All that a thread needs to follow a rank's leader: it can be posted to it as it is. */
export interface FollowerJob {
  /** One for each stage. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly stages: readonly StageAssignment[];
  readonly control: SharedArrayBuffer;
  readonly teamSize: number;
  readonly description: ModelDescription;
  readonly assignment: Assignment;
  readonly options: RankOptions;
  readonly profile: ProfileMemory | undefined;
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
 * Ranks that compute with the kernels, each in memories of its own that go when the rank goes.
 * @param model a model on this device: a rank's tiles are cut out of it, instead of being sent, if they are its
 * @param arenaLimitBytes what one memory may hold: a rank that needs more gets several
 */
export function kernelRanks(
  startKernels: (memory: WebAssembly.Memory) => Kernels,
  threads: Threads = noThreads,
  model?: ModelFile,
  arenaLimitBytes = maximumMemoryBytes,
): CreateRank {
  return (description, assignment, options, profiled) => {
    const shared = threads.count > 1;
    const stages = planStages(description, assignment, options, threads.count, arenaLimitBytes);
    const memories = stages.map(() => newMemory(arenaLimitBytes, shared));
    const profile = profiled ? profileMemory(threads.count) : undefined;
    const recorder = threadRecorder(profile, 0);
    const leader = shared && new SharedTeam(new SharedArrayBuffer(controlBytes), 0, threads.count, recorder);
    const team = leader || { ...alone, recorder };
    // The leader first: it makes the memories as large as all will find them.
    const rank = new Rank(memories.map(placeIn(startKernels)), description, stages, options, team);
    let closed = false;
    const own = model && sameDescription(model.description, description) ? model : undefined;
    return {
      rank,
      profile: stepProfile(profile, team),
      ownTileIds: own ? assignment.tileIds : [],
      async prepare(onLoaded) {
        const loaded = (id: number) => {
          rank.tileLoaded(id);
          onLoaded(id);
        };
        const work = { memories, stages, profile, description, assignment, options };
        const job = leader && {
          ...work,
          control: leader.control,
          teamSize: leader.size,
          model: own?.gguf.file,
        };
        await Promise.all([
          job && threads.start(job, loaded),
          own && cutShare(own, assignment.tileIds, rank, team, () => closed, loaded),
        ]);
      },
      close() {
        closed = true;
        if (leader) leader.stop();
      },
    };
  };
}

function placeIn(startKernels: (memory: WebAssembly.Memory) => Kernels) {
  return (memory: WebAssembly.Memory) => ({ kernels: startKernels(memory), arena: new Arena(memory) });
}

/** A thread's share of the rank's tiles, cut straight into its memories. */
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
  const recorder = threadRecorder(job.profile, index);
  const team = new SharedTeam(job.control, index, job.teamSize, recorder);
  try {
    const places = job.memories.map(placeIn(tools.startKernels));
    const rank = new Rank(places, job.description, job.stages, job.options, team);
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
