import { type Command, Option } from 'commander';
import { HearthError } from '../../../runtime/error.ts';
import { type Scope, scopes } from '../../access/access-key.ts';
import { keyFile } from '../../access/key-file.ts';
import { KeyRing } from '../../access/key-ring.ts';
import { formatTable, type OutputOptions, printJson } from '../output.ts';

interface AddOptions extends OutputOptions {
  readonly scope: Scope;
}

export function addKey(program: Command): void {
  const command = program
    .command('key')
    .description('manage the keys and browser sessions that open the API of coordinators on this machine');
  command
    .command('add')
    .description('make a key, and print it this once')
    .argument('<name>', 'what it is for, or whose')
    .addOption(
      new Option(
        '--scope <scope>',
        'chat: use the model and the conversations; admin: also pair and revoke devices',
      )
        .choices(scopes)
        .default('chat'),
    )
    .option('--json', 'print JSON')
    .action(addNamed);
  command
    .command('list')
    .description('show keys and sessions, never what opens')
    .option('--json', 'print JSON')
    .action(list);
  command
    .command('rm')
    .description('remove a key or a session: it opens nothing from now on')
    .argument('<name>')
    .action(remove);
}

function addNamed(name: string, { scope, json }: AddOptions): void {
  const key = new KeyRing(keyFile()).add(name, scope);
  if (json) printJson({ name, scope, key });
  else process.stdout.write(`${key}\n`);
}

function list({ json }: OutputOptions): void {
  const { keys } = new KeyRing(keyFile());
  if (json) {
    printJson(keys.map(({ hash: _, ...key }) => key));
    return;
  }
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  const rows = keys.map(({ name, scope, createdAt, expiresAt }) => [
    name,
    expiresAt ? 'session' : 'key',
    scope,
    day(createdAt),
    expiresAt ? day(expiresAt) : 'removed',
  ]);
  process.stdout.write(formatTable([['NAME', 'KIND', 'SCOPE', 'SINCE', 'UNTIL'], ...rows]));
}

function remove(name: string): void {
  if (new KeyRing(keyFile()).remove(name)) return;
  throw new HearthError('USAGE', `there is no key or session called "${name}": hearth key list shows them`);
}
