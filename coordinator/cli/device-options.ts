import { type Command, Option } from 'commander';
import { type GpuUse, gpuUses } from '../../device-agent/gpu-wishes.ts';
import { byteCount, threadsOption } from './options.ts';

/** What a command may be told about the device that it computes on. */
export interface DeviceOptions {
  readonly threads?: number;
  readonly memory?: number;
  readonly cache?: number;
  readonly gpu: GpuUse;
  readonly gpuMemory?: number;
}

/** @param threadFlags as the command writes them */
export function addDeviceOptions(command: Command, threadFlags = '--threads <n>'): Command {
  return command
    .addOption(threadsOption(threadFlags))
    .addOption(
      new Option(
        '--memory <bytes>',
        'what this process may take, such as 1.5GiB; weights that do not fit are read from disk as they are needed ' +
          '(default: what is free)',
      )
        .argParser(byteCount)
        .env('HEARTH_MEMORY'),
    )
    .addOption(
      new Option('--cache <bytes>', 'what weights that are kept on disk may take (default: 64GB)')
        .argParser(byteCount)
        .env('HEARTH_CACHE_SIZE'),
    )
    .addOption(
      new Option(
        '--gpu <use>',
        'when the GPU computes: where it saves time, never, or all that it has room for',
      )
        .choices(gpuUses)
        .env('HEARTH_GPU')
        .default('auto'),
    )
    .addOption(
      new Option(
        '--gpu-memory <bytes>',
        'what weights may take of the GPU (default: as much as memory is left)',
      )
        .argParser(byteCount)
        .env('HEARTH_GPU_MEMORY'),
    );
}

/** As the engine and a joining device take them. */
export function deviceSettings({ threads, memory, cache, gpu, gpuMemory }: DeviceOptions) {
  return {
    threads,
    memoryBytes: memory,
    cacheBytes: cache,
    gpu: { use: gpu, memoryBytes: gpuMemory },
  };
}
