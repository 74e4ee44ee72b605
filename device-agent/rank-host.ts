import { KernelCodec } from '../runtime/collective/kernel-codec.ts';
import { Rank } from '../runtime/decoder/rank.ts';
import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import { Arena } from '../runtime/kernels/arena.ts';
import { type Kernels, maximumPages } from '../runtime/kernels/kernels.ts';
import type { ModelDescription } from '../runtime/model/description.ts';
import type { Assignment } from '../runtime/plan/plan.ts';
import { alone, controlBytes, SharedTeam } from '../runtime/threads/team.ts';
import { type ProfileMemory, profileMemory, stepProfile, threadRecorder } from './profile-memory.ts';
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
  readonly profile: ProfileMemory | undefined;
}

export interface Threads {
  /** Threads of one rank, the leader's included. */
  readonly count: number;
  /** Starts the others; each runs `followRank`. */
  start(job: FollowerJob): void;
}

/** Ranks that compute with the kernels, each in a memory of its own that goes when the rank goes. */
export function kernelRanks(
  startKernels: (memory?: WebAssembly.Memory) => Kernels,
  threads: Threads = { count: 1, start: () => {} },
): CreateRank {
  return (description, assignment, options, profiled) => {
    const shared =
      threads.count > 1 && new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true });
    const kernels = shared ? startKernels(shared) : startKernels();
    const arena = new Arena(kernels.memory);
    const planeValues = assignment.worldSize > 1 ? options.maxStepTokens * description.config.hiddenSize : 0;
    const codec = new KernelCodec(kernels, arena, planeValues);
    const profile = profiled ? profileMemory(threads.count) : undefined;
    const recorder = threadRecorder(profile, 0);
    if (!shared) {
      const team = { ...alone, recorder };
      const rank = new Rank(kernels, arena, description, assignment, options, team);
      return { rank, codec, close: () => {}, profile: stepProfile(profile, team) };
    }
    const control = new SharedArrayBuffer(controlBytes);
    const team = new SharedTeam(control, 0, threads.count, recorder);
    const firstByte = arena.usedBytes;
    // The leader first: it makes the memory as large as all will find it.
    const rank = new Rank(kernels, arena, description, assignment, options, team);
    const { memory } = kernels;
    const part = { description, assignment, options };
    threads.start({ memory, control, teamSize: threads.count, firstByte, ...part, profile });
    return { rank, codec, close: () => team.stop(), profile: stepProfile(profile, team) };
  };
}

/** The life of a thread that follows: it ends when the leader's rank is closed. */
export function followRank(
  job: FollowerJob,
  index: number,
  startKernels: (memory: WebAssembly.Memory) => Kernels,
): void {
  const recorder = threadRecorder(job.profile, index);
  const team = new SharedTeam(job.control, index, job.teamSize, recorder);
  try {
    const kernels = startKernels(job.memory);
    const arena = new Arena(job.memory, undefined, job.firstByte);
    new Rank(kernels, arena, job.description, job.assignment, job.options, team).follow(team);
  } catch (error) {
    team.fail();
    throw error;
  }
}
