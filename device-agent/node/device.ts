import { createHash, randomBytes } from 'node:crypto';
import { freemem, hostname } from 'node:os';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { nonceBytes } from '../../runtime/protocol/handshake.ts';
import type { Capabilities } from '../../runtime/protocol/messages.ts';
import type { Sha256 } from '../../runtime/protocol/tile-frame.ts';
import type { Logger } from '../logger.ts';
import { kernelRanks } from '../rank-host.ts';
import type { SessionOptions } from '../session.ts';
import { idleProcessors, nodeThreads } from './compute-threads.ts';
import { startKernels } from './kernel-files.ts';
import { packageVersion } from './package-root.ts';

export const nodeSha256: Sha256 = (bytes) => createHash('sha256').update(bytes).digest();

/** A session's options without what is the owner's, and without the nonce, which is each session's. */
export type DeviceOptions = Omit<SessionOptions, 'secret' | 'name' | 'nonce'>;

/**
 * What a session needs from Node.
 * @param threadCount threads of a rank; by default as many as there are idle processors
 * @param model a model of this machine: its tiles need not be sent
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export function nodeDevice(logger: Logger, threadCount = idleProcessors(), model?: ModelFile): DeviceOptions {
  return {
    softwareVersion: packageVersion(),
    capabilities: nodeCapabilities(threadCount),
    createRank: kernelRanks(startKernels, nodeThreads(threadCount, logger), model),
    logger,
    sha256: nodeSha256,
  };
}

export function newNonce(): Uint8Array {
  return randomBytes(nonceBytes);
}

/** What to call this device if its owner does not say: printable, at most 64 characters. */
export function defaultDeviceName(): string {
  return (
    hostname()
      .replaceAll(/[^\x21-\x7e]/g, '')
      .slice(0, 64) || 'device'
  );
}

function nodeCapabilities(threads: number): Capabilities {
  const { version, platform, arch } = process;
  return {
    platform: `node ${version.slice(1)} ${platform} ${arch}`.slice(0, 64),
    kernels: startKernels().relaxed ? 'relaxed' : 'baseline',
    threads,
    memoryBytes: freemem(),
  };
}
