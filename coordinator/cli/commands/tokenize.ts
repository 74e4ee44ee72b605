import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { HearthError } from '../../../runtime/error.ts';
import { openGgufFile, readTokenizer } from '../../files/open-model.ts';

interface TokenizeOptions {
  readonly bos?: boolean;
  readonly special?: boolean;
}

/** For comparing with other engines; a file with a vocabulary alone will do. */
export function addTokenize(program: Command): void {
  program
    .command('tokenize')
    .description('read one JSON string a line from stdin and answer each with a JSON array of token ids')
    .argument('<model>', 'a GGUF file, or the name of a model')
    .option('--bos', 'put the beginning-of-text token first, where the vocabulary wants one')
    .option('--special', 'let text that names a special token become that token')
    .action(async (name: string, { bos = false, special = false }: TokenizeOptions) => {
      const gguf = await openGgufFile(name);
      const tokenizer = readTokenizer(gguf);
      await gguf.close();
      for await (const line of createInterface({
        input: process.stdin,
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        if (line.trim() === '') continue;
        const ids = tokenizer.encode(parseLine(line), { addBos: bos, parseSpecial: special });
        process.stdout.write(`${JSON.stringify(ids)}\n`);
      }
    });
}

function parseLine(line: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Reported below, with everything else that is not a string.
  }
  if (typeof value === 'string') return value;
  throw new HearthError('USAGE', `each line must be one JSON string, not ${line.slice(0, 60)}`);
}
