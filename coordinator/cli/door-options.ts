import { type Command, Option } from 'commander';
import { apiKeyOption, defaultPort, secretOption, wholeNumber } from './options.ts';

/** Where to listen, and for whom. */
export interface DoorOptions {
  readonly port: number;
  readonly host: string;
  /** All addresses, for whoever has the key. */
  readonly lan?: boolean;
  readonly apiKey?: string;
  readonly secret?: string;
}

export function addDoorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--port <port>').argParser(wholeNumber(0, 65535)).env('HEARTH_PORT').default(defaultPort),
    )
    .addOption(
      new Option('--host <address>', 'address to listen on; any but loopback needs an API key')
        .env('HEARTH_HOST')
        .default('127.0.0.1'),
    )
    .option('--lan', 'let other devices of this network in: listen on all addresses, with an API key')
    .addOption(apiKeyOption())
    .addOption(secretOption());
}
