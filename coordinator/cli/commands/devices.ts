import { type Command, Option } from 'commander';
import type { ClusterState } from '../../cluster/cluster-options.ts';
import type { DeviceState } from '../../cluster/device-state.ts';
import type { PairingAnswer } from '../../pairing/routes.ts';
import type { PlanState } from '../../planning/planning.ts';
import { ApiClient } from '../api-client.ts';
import { devicesTable } from '../devices-table.ts';
import { apiKeyOption, defaultPort, urlOption } from '../options.ts';
import { count, formatTable, type OutputOptions, printJson } from '../output.ts';

interface DevicesOptions extends OutputOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly paired?: boolean;
  readonly revoke?: string;
  readonly resume?: string;
}

export function addDevices(program: Command): void {
  program
    .command('devices')
    .description('show the devices of a running coordinator and what each holds')
    .addOption(urlOption().default(`http://127.0.0.1:${defaultPort}`))
    .addOption(apiKeyOption())
    .option('--paired', 'show which devices may join instead, and how another can')
    .addOption(
      new Option(
        '--revoke <name>',
        'let the devices of this name join no more, and end their links',
      ).conflicts('paired'),
    )
    .addOption(
      new Option(
        '--resume <name>',
        'let the device of this name compute again that was paused, or is quarantined',
      ).conflicts(['paired', 'revoke']),
    )
    .option('--json', 'print JSON')
    .action(async ({ url, apiKey, paired, revoke, resume, json }: DevicesOptions) => {
      const client = new ApiClient(url, apiKey);
      if (resume !== undefined) return resumeDevice(client, resume, json);
      if (revoke !== undefined) return revokeDevices(client, revoke, json);
      const answer = await client.get(paired ? '/v1/cluster/pairing' : '/v1/cluster/devices');
      if (json) return printJson(answer);
      if (paired) return sayPaired(answer as PairingAnswer);
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

function sayPaired({ devices, joinUrl }: PairingAnswer): void {
  const rows = devices.map(({ name, pairedAt }) => [name, pairedAt.slice(0, 10)]);
  if (rows.length > 0) process.stdout.write(`${formatTable([['NAME', 'PAIRED'], ...rows])}\n`);
  process.stdout.write(`Another joins with: npx hearth join "${joinUrl}"\n`);
}

async function resumeDevice(client: ApiClient, name: string, json: boolean | undefined): Promise<void> {
  const answer = await client.post(`/v1/cluster/devices/${encodeURIComponent(name)}/resume`);
  if (json) return printJson(answer);
  process.stdout.write(`${name} may compute again.\n`);
}

async function revokeDevices(client: ApiClient, name: string, json: boolean | undefined): Promise<void> {
  const answer = await client.delete(`/v1/cluster/pairing/${encodeURIComponent(name)}`);
  if (json) return printJson(answer);
  const { revoked, joinUrl } = answer as { revoked: number; joinUrl: string };
  process.stdout.write(
    `${count(revoked, 'device')} called ${name} may join no more. The secret is another now:\n`,
  );
  process.stdout.write(`  npx hearth join "${joinUrl}"\n`);
}
