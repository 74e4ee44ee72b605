import type { Command } from 'commander';
import type { ClusterState, DeviceState } from '../../cluster/cluster.ts';
import type { PlanState } from '../../planning/planning.ts';
import { ApiClient } from '../api-client.ts';
import { devicesTable } from '../devices-table.ts';
import { apiKeyOption, defaultPort, urlOption } from '../options.ts';
import { type OutputOptions, printJson } from '../output.ts';

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
      const client = new ApiClient(url, apiKey);
      const answer = await client.get('/v1/cluster/devices');
      if (json) return printJson(answer);
      const { state, devices } = answer as { state: ClusterState; devices: DeviceState[] };
      process.stdout.write(devicesTable(devices));
      process.stdout.write(`\nThe cluster is ${state}.\n`);
      const { plan, failure, unmeasured } = (await client.get('/v1/cluster/plan')) as PlanState;
      if (plan)
        process.stdout.write(
          `Planned: ${[plan.explanation.summary, ...plan.explanation.standBy].join('\n')}\n`,
        );
      if (failure) process.stdout.write(`No plan was found: ${failure}\n`);
      for (const name of unmeasured) process.stdout.write(`${name} has not been measured yet.\n`);
    });
}
