import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TileModel } from '../../runtime/model/tile-model.ts';
import type { Capabilities } from '../../runtime/protocol/messages.ts';
import type { DeviceGpu } from '../device-gpu.ts';
import { HeldRank } from '../held-rank.ts';
import type { DeviceOptions } from '../keep-joined.ts';
import type { Logger } from '../logger.ts';
import { kernelRanks } from '../rank-host.ts';
import { cacheFolder } from './cache-folder.ts';
import { collectGarbage } from './collect-garbage.ts';
import { nodeThreads } from './compute-threads.ts';
import { FolderTileCache } from './folder-tile-cache.ts';
import { startKernels } from './kernel-files.ts';
import { startLoader } from './loader-thread.ts';
import { measureNode } from './measure-device.ts';
import { packageVersion } from './package-root.ts';
import { nodeRowReaders } from './row-readers.ts';
import { nodeSha256 } from './sha256.ts';

export interface NodeDeviceOptions {
  readonly logger: Logger;
  /** Of a rank. */
  readonly threads: number;
  /** Threads of this process that are busy in a sync beside those: none by default. */
  readonly syncThreads?: number;
  /** A model of this machine: its tiles need not be sent. */
  readonly model?: TileModel | undefined;
  /** What the memories of a rank may take. */
  readonly memoryBytes: number;
  /** What kept tiles may take of the disk. */
  readonly cacheBytes?: number | undefined;
  /** Computes some FFN tiles, where that is worth it. */
  readonly gpu?: DeviceGpu | undefined;
}

/** Of kept tiles: several models of the size that homes run. */
export const defaultCacheBytes = 64e9;

/**
 * What a session needs from Node.
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export function nodeDevice(options: NodeDeviceOptions): DeviceOptions {
  const { logger, threads, syncThreads = 0, model, memoryBytes, gpu } = options;
  const cache = { folder: join(cacheFolder(), 'tiles'), limitBytes: options.cacheBytes ?? defaultCacheBytes };
  const sources = { model, cache: new FolderTileCache(cache), sha256: nodeSha256 };
  const createRank = kernelRanks({
    startKernels,
    threads: nodeThreads(threads, logger, cache),
    sources,
    memoryBytes,
    startLoader: (job) => startLoader(job, cache, logger),
    lending: gpu && ((setup, spareBytes) => gpu.lending(setup, measure, spareBytes)),
    rowReaders: nodeRowReaders(cache, logger),
    onLoaded: collectGarbage,
    onUnkept: (error) => logger.warn({ error }, 'weights cannot be kept: they will be sent again next time'),
  });
  const ranks = new HeldRank(createRank);
  const file = join(cacheFolder(), 'speed.json');
  const measure = measureNode({
    threads,
    syncThreads,
    memoryBytes,
    usedBytes: () => ranks.usedBytes,
    gpu,
    cache,
    file,
  });
  return {
    softwareVersion: packageVersion(),
    capabilities: nodeCapabilities(threads, memoryBytes),
    createRank: ranks.create,
    sources,
    measure: gpu ? gpu.telling(measure) : measure,
    logger,
    sha256: nodeSha256,
  };
}

/** What to call this device if its owner does not say: printable, at most 64 characters. */
export function defaultDeviceName(): string {
  return (
    hostname()
      .replaceAll(/[^\x21-\x7e]/g, '')
      .slice(0, 64) || 'device'
  );
}

function nodeCapabilities(threads: number, memoryBytes: number): Capabilities {
  const { version, platform, arch } = process;
  return {
    platform: `node ${version.slice(1)} ${platform} ${arch}`.slice(0, 64),
    kernels: startKernels().relaxed ? 'relaxed' : 'baseline',
    threads,
    memoryBytes,
  };
}
