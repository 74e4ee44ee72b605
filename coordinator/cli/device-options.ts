import { type Command, Option } from 'commander';
import { byteCount, threadsOption } from './options.ts';

/** What a command may be told about the device that it computes on. */
export interface DeviceOptions {
  readonly threads?: number;
  readonly memory?: number;
  readonly cache?: number;
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
    );
}

/** As the engine and a joining device take them. */
export function deviceSettings({ threads, memory, cache }: DeviceOptions) {
  return { threads, memoryBytes: memory, cacheBytes: cache };
}
