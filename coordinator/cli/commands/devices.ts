import type { Command } from 'commander';
import type { ClusterState, DeviceState } from '../../cluster/cluster.ts';
import { ApiClient } from '../api-client.ts';
import { apiKeyOption, defaultPort, urlOption } from '../options.ts';
import { formatBytes, formatTable, type OutputOptions, printJson } from '../output.ts';

interface DevicesOptions extends OutputOptions {
  readonly url: string;
  readonly apiKey?: string;
}

export function addDevices(program: Command): void {
  program
    .command('devices')
    .description('show the devices of a running coordinator and what each holds')
    .addOption(urlOption().default(`http://127.0.0.1:${defaultPort}`))
    .addOption(apiKeyOption())
    .option('--json', 'print JSON')
    .action(async ({ url, apiKey, json }: DevicesOptions) => {
      const answer = await new ApiClient(url, apiKey).get('/v1/cluster/devices');
      if (json) return printJson(answer);
      const { state, devices } = answer as { state: ClusterState; devices: DeviceState[] };
      const header = [
        'RANK',
        'NAME',
        'STATE',
        'TILES',
        'KEPT',
        'WEIGHTS',
        'IN MEMORY',
        'OF',
        'STREAMED',
        'LINK',
      ];
      process.stdout.write(formatTable([[...header, 'PLATFORM'], ...devices.map(row)]));
      for (const { name, reason } of devices)
        if (reason) process.stdout.write(`\n${name} declined: ${reason}\n`);
      process.stdout.write(`\nThe cluster is ${state}.\n`);
    });
}

function row(device: DeviceState): string[] {
  const { rank, name, state, loadedTiles, tiles, tileBytes, memory, link, platform } = device;
  return [
    String(rank ?? '-'),
    name,
    state,
    `${loadedTiles}/${tiles}`,
    String(memory?.keptTiles ?? '-'),
    formatBytes(tileBytes),
    memory ? formatBytes(memory.residentBytes + memory.windowBytes + memory.otherBytes) : '-',
    memory ? formatBytes(memory.budgetBytes) : '-',
    memory ? describeStreaming(memory) : '-',
    link,
    platform,
  ];
}

function describeStreaming({ steps, streamedBytes, waitMs }: NonNullable<DeviceState['memory']>): string {
  if (streamedBytes === 0 || steps === 0) return '-';
  return `${formatBytes(streamedBytes / steps)} and ${(waitMs / steps).toFixed(0)} ms of waiting a step`;
}
