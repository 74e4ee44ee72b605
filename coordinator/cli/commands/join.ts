import { type Command, Option } from 'commander';
import type { JoinStatus } from '../../../device-agent/keep-joined.ts';
import { defaultDeviceName } from '../../../device-agent/node/device.ts';
import { DeviceKeys } from '../../../device-agent/node/device-keys.ts';
import { type JoinOptions, joinCoordinator } from '../../../device-agent/node/join.ts';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { HearthError } from '../../../runtime/error.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { findCoordinator, terminalQuestion } from '../find-coordinator.ts';
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
    .argument(
      '[url]',
      'what hearth serve prints, such as http://192.168.1.20:11500/join#SECRET; the secret is needed the first time ' +
        'only (default: a coordinator of this network that this device is paired with, else the one that it joined last)',
    );
  addDeviceOptions(command)
    .addOption(secretOption())
    .addOption(
      new Option('--name <name>', 'what this device is called')
        .env('HEARTH_NAME')
        .default(defaultDeviceName()),
    )
    .action(async (address: string | undefined, { name, ...options }: JoinCommandOptions) => {
      const credentials = new DeviceKeys(name);
      const signal = stopSignal();
      const [url, secret] = partsOf(address ?? (await search(credentials, signal)));
      await joinOrAsk({
        url,
        secret: secret ?? options.secret,
        credentials,
        name,
        signal,
        onStatus: sayStatus,
        logger: plainLogger,
        ...deviceSettings(options),
      });
    });
}

function search(credentials: DeviceKeys, signal: AbortSignal): Promise<string> {
  const say = (words: string): void => void process.stderr.write(`${words}\n`);
  return findCoordinator({ credentials, ask: terminalQuestion(signal), say });
}

/** The address, and the secret behind its `#`. */
function partsOf(address: string): [url: string, secret: string | undefined] {
  const at = address.indexOf('#');
  return at < 0 ? [address, undefined] : [address.slice(0, at), address.slice(at + 1) || undefined];
}

/** Asks a person for the secret, where there is one and it is needed. */
async function joinOrAsk(options: JoinOptions): Promise<void> {
  try {
    await joinCoordinator(options);
  } catch (error) {
    const isAsked = error instanceof HearthError && error.code === 'COORDINATOR_UNKNOWN';
    const ask = terminalQuestion(options.signal);
    if (!isAsked || !ask) throw error;
    const secret = await ask('The secret that hearth serve prints, behind the #: ');
    await joinCoordinator({ ...options, secret: secret.trim() });
  }
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
