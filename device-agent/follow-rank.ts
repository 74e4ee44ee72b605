import { Rank } from '../runtime/decoder/rank.ts';
import type { Kernels } from '../runtime/kernels/kernels.ts';
import type { ModelPlace, TileModel } from '../runtime/model/tile-model.ts';
import { SharedTeam } from '../runtime/threads/team.ts';
import { threadRecorder } from './profile-memory.ts';
import { placesIn } from './rank-places.ts';
import type { FollowerJob } from './rank-tools.ts';
import { type LoadEvents, loadShare, type TileSources } from './tile-sources.ts';

/** What a following thread needs, and whom it tells. */
export interface FollowerTools {
  readonly startKernels: (memory: WebAssembly.Memory) => Kernels;
  readonly openModel: (place: ModelPlace) => Promise<TileModel>;
  readonly sources: Omit<TileSources, 'model'>;
  readonly events: LoadEvents;
  readonly onReady: () => void;
}

/** The life of a thread that follows: it ends when the leader's rank is closed. */
export async function followRank(job: FollowerJob, index: number, tools: FollowerTools): Promise<void> {
  const recorder = threadRecorder(job.profile, index);
  const team = new SharedTeam(job.control, index, job.teamSize, recorder);
  try {
    const places = placesIn(job.memories, job.windows, job.rows, tools.startKernels);
    const rank = new Rank(places, job.description, job.stages, job.options, team);
    await loadTiles(job, team, rank, tools);
    tools.onReady();
    rank.follow(team);
  } catch (error) {
    team.fail();
    throw error;
  }
}

/** By itself, so that nothing of the model outlasts it. */
async function loadTiles(
  job: FollowerJob,
  team: SharedTeam,
  rank: Rank,
  tools: FollowerTools,
): Promise<void> {
  const model = job.model && (await tools.openModel(job.model));
  const sources = { ...tools.sources, model };
  await loadShare(job.tiles, team, rank, sources, tools.events, () => team.stopped);
  await model?.close();
}
