import { type Command, Option } from 'commander';
import { apiKeyOption, defaultPort, secretOption, wholeNumber } from './options.ts';

/** Where to listen, and for whom. */
export interface DoorOptions {
  readonly port: number;
  readonly host: string;
  /** All addresses, for whoever has the key. */
  readonly lan?: boolean;
  readonly apiKey?: string;
  /** Other machines may speak without TLS. */
  readonly plainHttp?: boolean;
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
    .option('--lan', 'let other devices of this network in: listen on all addresses, with TLS and an API key')
    .option('--plain-http', 'let them chat without TLS too: whoever listens on the network reads along')
    .addOption(apiKeyOption())
    .addOption(secretOption());
}
