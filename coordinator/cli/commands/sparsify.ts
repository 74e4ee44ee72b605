import { type Command, Option } from 'commander';
import { idleProcessors } from '../../../device-agent/node/compute-threads.ts';
import { rowFormats } from '../../../runtime/kernels/row-formats.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import type { QuantTypeName } from '../../../runtime/quant/format.ts';
import { findModel } from '../../files/model-folder.ts';
import { openModel } from '../../files/open-model.ts';
import { writeModel } from '../../files/write-model.ts';
import { EncodePool } from '../../quantize/encode-pool.ts';
import { profilePath, readProfile } from '../../sparsity/firing-profile.ts';
import { openPredictors, predictorPath } from '../../sparsity/predictor-file.ts';
import { firingReport } from '../../sparsity/firing-report.ts';
import { sparsifyModel } from '../../sparsity/sparsify.ts';
import { threadsOption } from '../options.ts';
import { formatBytes, type OutputOptions, printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';

interface SparsifyOptions extends OutputOptions {
  readonly profile?: string;
  readonly type?: QuantTypeName;
  readonly predictors?: string | true;
  readonly force?: boolean;
  readonly threads?: number;
}

export function addSparsify(program: Command): void {
  program
    .command('sparsify')
    .description('write a model so that neurons which do not fire, or hardly count, need not be read')
    .argument('<model>', 'a GGUF file, or the name of a model')
    .argument('<out>', 'the file to write')
    .option('--profile <file>', 'what hearth profile wrote (default: MODEL.firing.json, beside the model)')
    .addOption(
      new Option(
        '--type <type>',
        'of up and down, and of the gate if predicted (default: as they are, or Q8_0)',
      ).choices(Object.keys(rowFormats)),
    )
    .option(
      '--predictors [file]',
      'with what hearth profile --train-predictor wrote (default: MODEL.predictors, beside the model)',
    )
    .option('--force', 'write over a file that is there')
    .addOption(threadsOption())
    .option('--json', 'print JSON')
    .action(async (name: string, output: string, options: SparsifyOptions) => {
      const model = await openModel(name);
      const pool = new EncodePool(options.threads ?? idleProcessors());
      let predictors: GgufFile | undefined;
      try {
        const path = await findModel(name);
        const profile = await readProfile(options.profile ?? profilePath(path), model.config);
        if (options.predictors)
          predictors = await openPredictors(
            options.predictors === true ? predictorPath(path) : options.predictors,
            model.config,
          );
        const { type } = options;
        const contents = sparsifyModel(model.gguf, model.config, profile, pool, { type, predictors });
        const progress = new Progress('writing');
        const byteLength = await writeModel(output, contents, {
          force: options.force ?? false,
          signal: stopSignal(),
          onProgress: (written, total) => progress.update(written, total),
        });
        const { sparsity } = firingReport(profile);
        if (options.json) printJson({ file: output, byteLength, sparsity });
        else
          process.stdout.write(
            `${output}: ${formatBytes(byteLength)}; of its neurons ${(100 * sparsity).toFixed(0)} % need not be read${profile.cuts ? ' with --predict' : ''}, on average\n`,
          );
      } finally {
        await predictors?.close();
        await pool.close();
        await model.close();
      }
    });
}
