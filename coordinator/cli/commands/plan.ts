import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { availableMemory } from '../../../device-agent/node/available-memory.ts';
import { HearthError } from '../../../runtime/error.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import { ModelFile } from '../../../runtime/model/model-file.ts';
import { LayoutCost } from '../../../runtime/plan/cost.ts';
import type { Explanation } from '../../../runtime/plan/explain.ts';
import type { Goal } from '../../../runtime/plan/goal.ts';
import type { Layout } from '../../../runtime/plan/layout.ts';
import { defaultUsage, type Problem, problemOf } from '../../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../../runtime/plan/profiles.ts';
import { readDevices } from '../../../runtime/plan/read-devices.ts';
import { devicesOfKinds, sameRates, typicalKinds } from '../../../runtime/plan/typical-devices.ts';
import { modelWork } from '../../../runtime/plan/workload.ts';
import { Simulation } from '../../../runtime/simulation/simulation.ts';
import { openGgufFile } from '../../files/open-model.ts';
import { measureReadRate } from '../../inspect/read-rate.ts';
import { inspectGguf } from '../../inspect/report.ts';
import { planReport } from '../../planning/plan-report.ts';
import { isReference } from '../../pull/reference.ts';
import { rankOptions } from '../../rank-options.ts';
import { contextOption, goalOption, kvOption } from '../options.ts';
import { formatTable, type OutputOptions, printJson } from '../output.ts';
import { stopSignal } from '../stop-signal.ts';

interface PlanOptions extends OutputOptions {
  readonly devices?: string;
  readonly add: readonly string[];
  readonly goal: Goal;
  readonly context?: number;
  readonly kv: KvFormat;
  readonly simulate?: boolean;
}

/** The same for every run; computing varies by so much, links as they were measured. */
const simulated = { seed: 1, computeJitter: 0.05, tokens: 32 };

/** What one thread does where nobody has measured it, see docs/planning.md. */
const assumed = { prefillFlopsPerThread: 60e9, attentionBytesPerThread: 6e9, diskBytesPerSecond: 1e9 };
/** What a process takes beside its rank. */
const ownBytes = 150e6;

export function addPlan(program: Command): void {
  program
    .command('plan')
    .description('predict who would compute what, and how fast, without running anything')
    .argument('<model>', 'a GGUF file, the name of a model, or what can be pulled: hf:USER/REPO or a URL')
    .option('--devices <file>', 'profiles of the devices, as JSON (default: this device)')
    .addOption(
      new Option('--add <device>', `a typical device more: ${typicalKinds.join(', ')}`)
        .argParser(addKind)
        .default([], 'none'),
    )
    .addOption(goalOption())
    .addOption(contextOption())
    .addOption(kvOption('f16'))
    .option('--simulate', 'play the plan message by message, too, with links that vary')
    .option('--json', 'print JSON')
    .action(async (name: string, options: PlanOptions) => {
      const gguf = await openModelHeader(name);
      try {
        const report = await plan(gguf, options);
        if (options.json) printJson(report);
        else process.stdout.write(describe(report));
      } finally {
        await gguf.close();
      }
    });
}

async function openModelHeader(name: string): Promise<GgufFile> {
  if (!isReference(name)) return openGgufFile(name);
  const { openRemoteGguf } = await import('../../pull/remote-gguf.ts');
  return openRemoteGguf(name, { signal: stopSignal() });
}

type Report = Awaited<ReturnType<typeof plan>>;

async function plan(gguf: GgufFile, options: PlanOptions) {
  const { devices: file, add, goal, context, kv, simulate } = options;
  const { description, config, rowShares } = new ModelFile(gguf);
  const assumptions: string[] = [];
  const given = file === undefined ? [await thisDevice(gguf, assumptions)] : await devicesOf(file);
  const added = devicesOfKinds(add);
  const devices = [...given, ...added];
  for (const { name } of added)
    assumptions.push(`${name} is a typical one: what it and its link can do is assumed`);
  const parallel = goal === 'throughput' ? defaultUsage.sequences : 1;
  const ranks = rankOptions({ model: { config }, kvFormat: kv, parallel, contextLength: context });
  const work = modelWork(description, ranks, rowShares);
  const report = planReport(work, devices, goal);
  return {
    model: gguf.name,
    ...report,
    ...(simulate && { simulation: play(problemOf(work, devices, report.usage), report.layout) }),
    assumptions,
  };
}

function play(problem: Problem, layout: Layout): { ttftMs: number; tpotMs: number[] } {
  const simulation = new Simulation(new LayoutCost(problem, layout), simulated);
  return { ttftMs: simulation.prompt(), tpotMs: simulation.decode(simulated.tokens) };
}

/** The coordinator's own device: how fast it reads weights is measured in half a second. */
async function thisDevice(gguf: GgufFile, assumptions: string[]): Promise<DeviceProfile> {
  const report = inspectGguf(gguf);
  if (!report.runs) throw new HearthError('MODEL_UNSUPPORTED', report.error.message);
  const { bytesPerSecond, threads } = await measureReadRate(report);
  assumptions.push(
    'of this device, how fast it reads weights was measured just now; how fast it multiplies prompts, attends and ' +
      'reads its disk is assumed',
  );
  return {
    name: hostname(),
    threads,
    memoryBytes: Math.max(0, availableMemory() - ownBytes),
    kernels: sameRates({
      decodeBytesPerSecond: bytesPerSecond,
      prefillFlopsPerSecond: assumed.prefillFlopsPerThread * threads,
    }),
    attentionBytesPerSecond: assumed.attentionBytesPerThread * threads,
    diskBytesPerSecond: assumed.diskBytesPerSecond,
    syncMs: 0.1,
    link: undefined,
  };
}

async function devicesOf(file: string): Promise<DeviceProfile[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new HearthError('FILE_NOT_FOUND', `the list of devices ${file} cannot be read`, { file }, error);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HearthError('USAGE', `the list of devices ${file} is no JSON`, { file }, error);
  }
  return readDevices(value);
}

function addKind(kind: string, before: readonly string[]): readonly string[] {
  if (typicalKinds.includes(kind)) return [...before, kind];
  throw new InvalidArgumentError(`It must be one of ${typicalKinds.join(', ')}.`);
}

function describe({ model, explanation, assumptions, simulation }: Report): string {
  const { summary, devices, alternatives, standBy }: Explanation = explanation;
  const parts = [
    `${model}: ${summary}\n`,
    formatTable(devices),
    ...(standBy.length > 0 ? [lines(standBy)] : []),
    `best of each kind\n${formatTable(alternatives)}`,
    ...(simulation ? [describeSimulation(simulation)] : []),
    ...(assumptions.length > 0 ? [lines(assumptions.map((text) => `assumed: ${text}`))] : []),
  ];
  return parts.join('\n');
}

function describeSimulation({ ttftMs, tpotMs }: NonNullable<Report['simulation']>): string {
  const rate = (ms: number) => (1000 / ms).toFixed(1);
  const mean = tpotMs.reduce((sum, ms) => sum + ms, 0) / tpotMs.length;
  const range = `${rate(Math.max(...tpotMs))} to ${rate(Math.min(...tpotMs))}`;
  return `played: ${rate(mean)} tokens/s (${range}), the first token after ${(ttftMs / 1000).toFixed(2)} s\n`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
