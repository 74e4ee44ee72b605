import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RankHost, RankSetup } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { startLoader } from '../../device-agent/node/loader-thread.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { TileRoomOptions } from '../../device-agent/node/tile-room.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { RowReaders } from '../../device-agent/rank-tools.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { rankSetup } from '../support/rank-host.ts';
import { options } from './rank-steps.ts';

/** A folder for tiles, until the test is over. */
export async function cacheRoom(limitBytes = 1e9): Promise<TileRoomOptions> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, limitBytes, keepFreeBytes: 0 };
}

export interface StreamingShape {
  readonly threads?: number;
  readonly arenaLimitBytes?: number;
  /** Part of the weights that there is memory for. */
  readonly share?: number;
  /** Where it may cut tiles by itself. */
  readonly source?: ModelFile;
  readonly rowReaders?: RowReaders;
}

/** A whole model as one rank that may hold a share of its weights, until the test is over. */
export function streamingRank(
  { description, tiles }: ModelFile,
  room: TileRoomOptions,
  { threads = 1, arenaLimitBytes = maximumMemoryBytes, share = 0.4, source, rowReaders }: StreamingShape = {},
  setup: Partial<RankSetup> = {},
): RankHost {
  const [assignment] = planByShares(tiles, [1]);
  const bytes = rankBytes(description, assignment!, options, threads, arenaLimitBytes);
  const createRank = kernelRanks({
    startKernels,
    threads: nodeThreads(threads, silentLogger, room),
    sources: { cache: new FolderTileCache(room), model: source, sha256: nodeSha256 },
    memoryBytes: Math.floor(bytes.rest + share * bytes.tiles),
    arenaLimitBytes,
    startLoader: (job) => startLoader(job, room, silentLogger),
    rowReaders,
  });
  const host = createRank({ ...rankSetup(description, assignment!, options), ...setup });
  onTestFinished(() => host.close());
  return host;
}
