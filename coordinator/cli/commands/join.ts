import { type Command, Option } from 'commander';
import { defaultDeviceName } from '../../../device-agent/node/device.ts';
import { type JoinStatus, joinCoordinator } from '../../../device-agent/node/join.ts';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { HearthError } from '../../../runtime/error.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { secretOption } from '../options.ts';
import { stopSignal } from '../stop-signal.ts';

interface JoinCommandOptions extends DeviceOptions {
  readonly secret?: string;
  readonly name: string;
}

export function addJoin(program: Command): void {
  const command = program
    .command('join')
    .description('lend this device to a coordinator until interrupted')
    .argument('<url>', 'where the coordinator listens, for example ws://192.168.1.20:11500');
  addDeviceOptions(command)
    .addOption(secretOption())
    .addOption(
      new Option('--name <name>', 'what this device is called')
        .env('HEARTH_NAME')
        .default(defaultDeviceName()),
    )
    .action(async (url: string, { secret, name, ...device }: JoinCommandOptions) => {
      if (!secret) {
        throw new HearthError(
          'USAGE',
          'joining takes the secret that hearth serve prints: give it as --secret or in HEARTH_SECRET',
        );
      }
      await joinCoordinator({
        url,
        secret,
        name,
        signal: stopSignal(),
        onStatus: sayStatus,
        logger: plainLogger,
        ...deviceSettings(device),
      });
    });
}

const sentences: Partial<Record<JoinStatus['state'], string>> = {
  joined: 'joined; waiting for work',
  preparing: 'fetching weights, to take part when they are here',
  loading: 'loading weights',
  declined: 'declined; waiting for other work',
  ready: 'ready',
};

function sayStatus(status: JoinStatus): void {
  if (status.state === 'connecting') process.stderr.write(`connecting to ${status.url}\n`);
  else if (status.state === 'waiting')
    process.stderr.write(
      `${status.reason || 'the link closed'}; trying again in ${status.retryInMs / 1000} s\n`,
    );
  else if (sentences[status.state]) process.stderr.write(`${sentences[status.state]}\n`);
}
