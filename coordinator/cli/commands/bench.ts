import { availableParallelism, cpus } from 'node:os';
import { type Command, Option } from 'commander';
import { systemClock } from '../../../device-agent/clock.ts';
import { idleProcessors } from '../../../device-agent/node/compute-threads.ts';
import { startKernels } from '../../../device-agent/node/kernel-files.ts';
import { packageVersion } from '../../../device-agent/node/package-root.ts';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { HearthError } from '../../../runtime/error.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import type { Goal } from '../../../runtime/plan/goal.ts';
import { diskBytes } from '../../bench/disk-bytes.ts';
import { type BenchPlan, measure } from '../../bench/measure.ts';
import { type BenchReport, formatReport, type ReportFormat, reportFormats } from '../../bench/report.ts';
import { parseSyntheticModel, provideSyntheticModel, syntheticPath } from '../../bench/synthetic-model.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import { ProfileFile } from '../../profile/profile-file.ts';
import type { Profiler } from '../../profile/profiler.ts';
import { addDeviceOptions, type DeviceOptions, deviceSettings } from '../device-options.ts';
import { addDoorOptions, type DoorOptions } from '../door-options.ts';
import {
  type CutOptions,
  goalOption,
  kvOption,
  localCut,
  pipelineOption,
  profileOption,
  splitOption,
  wholeNumber,
} from '../options.ts';
import { addPredictOptions, approximationChoice, type PredictOptions } from '../predict-options.ts';
import { Progress } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';
import { benchCluster } from './bench-cluster.ts';

interface BenchOptions extends DeviceOptions, CutOptions, DoorOptions, PredictOptions {
  readonly prompt: number;
  readonly generate: number;
  readonly repetitions: number;
  readonly depth: number;
  readonly kv: KvFormat;
  readonly cluster?: number;
  readonly goal: Goal;
  readonly synthetic?: string;
  readonly keep?: string;
  readonly profile?: string;
  readonly output: ReportFormat;
  readonly json?: boolean;
}

const mostTokens = 1 << 20;

export function addBench(program: Command): void {
  const whole = (flags: string, description: string, min: number, max: number, fallback: number): Option =>
    new Option(flags, description).argParser(wholeNumber(min, max)).default(fallback);
  const command = program
    .command('bench')
    .description('measure how fast this device reads prompts and writes answers')
    .argument('[model]', 'a GGUF file, or the name of a model (default: built-in)');
  addPredictOptions(addDoorOptions(addDeviceOptions(command, '-t, --threads <n>')))
    .addOption(whole('-p, --prompt <n>', 'tokens of the prompt', 1, mostTokens, 128))
    .addOption(whole('-n, --generate <n>', 'tokens to generate', 1, mostTokens, 32))
    .addOption(whole('-r, --repetitions <n>', 'timed runs, after one that is not', 1, 1000, 5))
    .addOption(whole('-d, --depth <n>', 'positions in the KV cache before generating', 0, mostTokens, 0))
    .addOption(kvOption('f16'))
    .addOption(splitOption())
    .addOption(pipelineOption())
    .addOption(
      new Option(
        '--cluster <n>',
        'wait for devices to join, n with this one; compare ways to share the model with what is predicted of them',
      )
        .argParser(wholeNumber(1, 64))
        .conflicts(['split', 'pipeline', 'profile', 'output', 'depth']),
    )
    .addOption(goalOption())
    .option('--synthetic <shape:type>', 'random weights in the shape of a model, such as llama-3.2-1b:Q4_0')
    .option('--keep <file>', 'where to keep the synthetic model (default: in the cache folder)')
    .addOption(profileOption())
    .addOption(new Option('--output <format>', 'how to print').choices(reportFormats).default('table'))
    .option('--json', 'the same as --output json')
    .action(async (name: string | undefined, options: BenchOptions) => {
      const path = await modelToBench(name, options);
      if (options.cluster) return benchCluster(path, { ...options, cluster: options.cluster });
      const profile = await ProfileFile.open(options.profile);
      const report = await bench(path, options, profile?.profiler);
      const format = options.json ? 'json' : options.output;
      process.stdout.write(formatReport(report, format));
      // What programs read stays as it is.
      const out = format === 'table' ? process.stdout : process.stderr;
      if (profile) out.write(`\n${await profile.finish()}`);
    });
}

/** @returns a name or path for `openModel`; a synthetic model is written first */
async function modelToBench(
  name: string | undefined,
  { synthetic, keep }: BenchOptions,
): Promise<string | undefined> {
  if (synthetic === undefined) return name;
  if (name !== undefined)
    throw new HearthError('USAGE', `bench either ${name} or --synthetic ${synthetic}, not both`);
  const model = parseSyntheticModel(synthetic);
  const path = keep ?? syntheticPath(model);
  const progress = new Progress(`writing ${path}`);
  await provideSyntheticModel(model, path, {
    signal: stopSignal(),
    // In the cache folder a file of another length is one of an earlier version.
    force: keep === undefined,
    onProgress: (written, total) => progress.update(written, total),
  });
  return path;
}

async function bench(
  path: string | undefined,
  options: BenchOptions,
  profiler: Profiler | undefined,
): Promise<BenchReport> {
  const { kv } = options;
  const cut = localCut(options);
  const plan: BenchPlan = {
    promptTokens: options.prompt,
    generateTokens: options.generate,
    depth: options.depth,
    repetitions: options.repetitions,
  };
  // As the engine chooses, so that the report can say it.
  const threads = options.threads ?? (cut.localRanks > 1 ? 1 : idleProcessors());
  const progress = new Progress('loading');
  const beginMs = systemClock.nowMs();
  const model = await openModel(path, approximationChoice(options));
  const engine = await Engine.start({
    model,
    ...cut,
    kvFormat: kv,
    ...deviceSettings(options),
    threads,
    logger: plainLogger,
    profiler,
    parallel: 1,
    contextLength: Math.max(plan.promptTokens, plan.depth + plan.generateTokens),
    onProgress: ({ loadedTiles, tiles }) => progress.update(loadedTiles, tiles),
  });
  try {
    await engine.cluster.whenReady();
    const loadSeconds = (systemClock.nowMs() - beginMs) / 1000;
    const rates = await measure(engine.cluster, plan, { nowMs: systemClock.nowMs, diskBytes }, profiler);
    return {
      version: packageVersion(),
      model: model.name,
      weightBytes: model.tiles.reduce((sum, { byteLength }) => sum + byteLength, 0),
      ranks: cut.localRanks,
      threads,
      kv,
      depth: plan.depth,
      repetitions: plan.repetitions,
      kernels: startKernels().relaxed ? 'relaxed' : 'baseline',
      hardware: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() },
      loadSeconds,
      ...rates,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    await engine.close();
  }
}
