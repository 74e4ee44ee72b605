import { basename } from 'node:path';
import type { Command } from 'commander';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { HearthError } from '../../../runtime/error.ts';
import { modelFolder } from '../../files/model-folder.ts';
import { openModel } from '../../files/open-model.ts';
import { type Pulled, type PullOptions, pull } from '../../pull/pull.ts';
import { parseReference } from '../../pull/reference.ts';
import { resolveReference, type Wanted } from '../../pull/resolve.ts';
import { webAccess } from '../../pull/web-access.ts';
import { sha256 } from '../options.ts';
import { formatBytes, type OutputOptions, printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';
import { formatDuration, TransferRate } from '../transfer-rate.ts';

interface PullCommandOptions extends OutputOptions {
  readonly sha256?: string;
}

export function addPull(program: Command): void {
  program
    .command('pull')
    .description('fetch a model into the model folder, or go on with what is there of it')
    .argument('<source>', 'hf:USER/REPO[:QUANT], hf:USER/REPO/FILE.gguf, or the https:// URL of a GGUF file')
    .option('--sha256 <hex>', 'what the file must have, where its source does not tell', sha256)
    .option('--json', 'print JSON')
    .action(async (source: string, options: PullCommandOptions) => {
      const { client, endpoint } = webAccess();
      const signal = stopSignal();
      let progress: PullProgress | undefined;
      try {
        const reference = parseReference(source, endpoint);
        const found = await resolveReference(client, endpoint, reference, { signal });
        const wanted = withSha256(found, options.sha256);
        const startMs = performance.now();
        progress = new PullProgress(wanted[0]!.name);
        const pulled = await pull(client, wanted, {
          folder: modelFolder(),
          signal,
          onNote: (note) => plainLogger.warn({}, note),
          onProgress: progress.update,
        });
        const report = { ...pulled, name: nameOf(pulled), seconds: (performance.now() - startMs) / 1000 };
        await checkRuns(report.name, pulled);
        if (options.json) printJson(report);
        else process.stdout.write(describe(report));
      } finally {
        progress?.end();
        await client.close();
      }
    });
}

/** @throws HearthError USAGE where it is another than the source's, or there are several files */
function withSha256(wanted: readonly Wanted[], given: string | undefined): readonly Wanted[] {
  if (given === undefined) return wanted;
  const [first, ...others] = wanted;
  if (!first || others.length > 0)
    throw new HearthError('USAGE', '--sha256 is for one file, and this model has several');
  if (first.sha256 !== undefined && first.sha256 !== given)
    throw new HearthError('USAGE', `the source says that the SHA-256 is ${first.sha256}, not the one given`);
  return [{ ...first, sha256: given }];
}

/** Bytes that come, then, each time anew, bytes that are read again. */
class PullProgress {
  readonly #rate = new TransferRate();
  readonly #pulling: Progress;
  #checking = new Progress('checking');

  constructor(name: string) {
    this.#pulling = new Progress(`pulling ${name}`);
  }

  readonly update: PullOptions['onProgress'] = (doing, doneBytes, bytes) => {
    if (doing === 'pulling') {
      this.#pulling.update(doneBytes, bytes, () => this.#rate.describe(doneBytes, bytes));
    } else {
      this.#checking.update(doneBytes, bytes);
      if (doneBytes === bytes) this.#checking = new Progress('checking');
    }
  };

  end(): void {
    this.#pulling.end();
    this.#checking.end();
  }
}

/** What `hearth run` and the others find it by. */
function nameOf({ files }: Pulled): string {
  return basename(files[0]!, '.gguf');
}

/** A model that cannot run is kept: it is what its source has, and another version may run it. */
async function checkRuns(name: string, { files }: Pulled): Promise<void> {
  try {
    const model = await openModel(files[0]);
    await model.close();
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    const message = `${name} was pulled and kept, but cannot run: ${error.message} (hearth rm ${name} removes it)`;
    throw new HearthError(error.code, message, error.fields, error);
  }
}

function describe({ name, bytes, seconds, verified }: Pulled & { name: string; seconds: number }): string {
  const checked = verified ? 'checked by its SHA-256' : 'not checked: its source tells no SHA-256';
  return `${name}: ${formatBytes(bytes)} in ${formatDuration(seconds)}, ${checked}\n\nhearth run ${name} "…"\n`;
}
