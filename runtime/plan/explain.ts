import type { Goal } from './goal.ts';
import type { LayoutKind } from './kind.ts';
import { transferMs } from './network.ts';
import { type Candidate, type ClusterPlan, partsOf, type StandBy } from './planner.ts';
import type { Problem } from './problem.ts';
import type { DeviceProfile } from './profiles.ts';
import { membersOf } from './residual-routes.ts';

/** A plan in words and rows: headings first, all cells as people read them. */
export interface Explanation {
  /** What was chosen, and what it is predicted to give. */
  readonly summary: string;
  readonly devices: readonly (readonly string[])[];
  /** The best layouts of other kinds, with what they would give. */
  readonly alternatives: readonly (readonly string[])[];
  /** One for each device without a part: why. */
  readonly standBy: readonly string[];
}

const kindNames: Readonly<Record<LayoutKind, string>> = {
  solo: 'all layers on one device',
  pipeline: 'a pipeline, each device with layers of its own',
  tensor: 'all layers shared',
  hybrid: 'a pipeline in which some layers are shared',
};

const goalNames: Readonly<Record<Goal, string>> = {
  latency: 'the fastest answer',
  throughput: 'the most answers at once',
  memory: 'the most memory left on each device',
  private: 'the fastest answer with the output head on the coordinator',
};

export function explain(problem: Problem, plan: ClusterPlan): Explanation {
  const { devices, usage } = problem;
  return {
    summary:
      `${kindNames[plan.kind]}${whereHead(plan, devices)}: ${rates(plan)} for a prompt of ${usage.promptTokens} tokens ` +
      `(for ${goalNames[plan.goal]})`,
    devices: [
      ['device', 'layers', 'share', 'memory', 'streams', 'computes', 'waits', 'syncs', 'sends'],
      ...partsOf(problem, plan.layout).map((rank) => deviceRow(plan, devices[rank]!, rank)),
    ],
    alternatives: [
      ['layout', 'devices', 'tokens/s', 'first token'],
      ...plan.alternatives.map((candidate) => [
        candidate.kind,
        partsOf(problem, candidate.layout)
          .map((rank) => devices[rank]!.name)
          .join(', '),
        number(1000 / candidate.prediction.tpotMs),
        `${number(candidate.prediction.ttftMs / 1000)} s`,
      ]),
    ],
    standBy: plan.standBy.map((standBy) => whyStandBy(problem, plan, standBy)),
  };
}

/** Where no other device would be named, those with a part in the output head are. */
function whereHead({ kind, layout }: Candidate, devices: readonly DeviceProfile[]): string {
  const members = membersOf(layout.stages[0]!.shares);
  const helpers = membersOf(layout.vocabularyShares).filter((rank) => !members.includes(rank));
  if (kind !== 'solo' || helpers.length === 0) return '';
  const names = helpers.map((rank) => devices[rank]!.name).join(', ');
  return `, the output head ${layout.vocabularyShares[members[0]!]! > 0 ? 'shared with' : 'on'} ${names}`;
}

function rates({ prediction }: Candidate): string {
  const { tpotMs, ttftMs } = prediction;
  return `${number(1000 / tpotMs)} tokens/s, the first token after ${number(ttftMs / 1000)} s`;
}

/** A token's time is that of the device's computing and its waiting. */
function deviceRow(
  { layout, prediction }: Candidate,
  { name, memoryBytes }: DeviceProfile,
  rank: number,
): string[] {
  const { memory, computeMs, waitMs, syncs, upBytes } = prediction.devices[rank]!;
  const stages = layout.stages.filter(({ shares }) => shares[rank]! > 0);
  const shareOf = (shares: readonly number[]) =>
    (100 * shares[rank]!) / shares.reduce((sum, one) => sum + one, 0);
  const layers =
    stages.map(({ firstLayer, endLayer }) => `${firstLayer}–${endLayer - 1}`).join(', ') || 'none';
  const shares = stages.map((stage) => `${Math.round(shareOf(stage.shares))} %`);
  const head =
    layout.vocabularyShares[rank]! > 0 ? [`head ${Math.round(shareOf(layout.vocabularyShares))} %`] : [];
  return [
    name,
    layers,
    [...shares, ...head].join(', '),
    `${bytes(memory.neededBytes)} of ${bytes(memoryBytes)}`,
    memory.streamedBytes > 0 ? bytes(memory.streamedBytes) : '–',
    `${number(computeMs)} ms`,
    `${number(waitMs)} ms`,
    String(syncs),
    `${number(upBytes / 1000)} kB`,
  ];
}

/** The number that decides: what the answer would be like with the device, and what its link takes of that. */
function whyStandBy(
  { devices, network, work }: Problem,
  plan: ClusterPlan,
  { rank, withIt }: StandBy,
): string {
  const { name, link } = devices[rank]!;
  if (!withIt) return `${name} stands by: no layout was found in which its memory and speed would help`;
  const { prediction } = withIt;
  const worse = comparison(plan, withIt);
  const { syncs, computeMs } = prediction.devices[rank]!;
  const computing = `it would compute for ${number(computeMs)} ms a token`;
  if (!link) return `${name} stands by: ${worse}; ${computing}`;
  const wayMs = `${number(link.rttMs)} ms there and back`;
  if (syncs === 0) return `${name} stands by: ${worse}; ${computing}, and its link takes ${wayMs}`;
  const packedBytes = 4 * work.description.config.hiddenSize * network.packedShare;
  const syncMs =
    link.rttMs +
    transferMs(packedBytes, link.upBytesPerSecond) +
    transferMs(packedBytes, link.downBytesPerSecond);
  return `${name} stands by: ${worse}; its link takes ${number(syncMs)} ms there and back a sync, ${syncs} syncs a token`;
}

function comparison(plan: ClusterPlan, withIt: Candidate): string {
  if (plan.goal === 'memory') return 'no device would have more memory left with it';
  const rate = (ms: number) => number(1000 / ms);
  if (plan.goal === 'throughput') {
    const [without, then] = [plan.prediction, withIt.prediction];
    return `with it, ${number(then.batchTpotMs)} ms a step in place of ${number(without.batchTpotMs)}`;
  }
  const [without, then] = [plan.prediction, withIt.prediction];
  const rates = `${rate(without.tpotMs)} to ${rate(then.tpotMs)} tokens/s`;
  if (then.tpotMs > without.tpotMs) return `it would slow an answer from ${rates}`;
  if (then.ttftMs <= without.ttftMs) return `from ${rates} is too little to gain for one more to wait for`;
  return `an answer would begin after ${number(then.ttftMs / 1000)} s in place of ${number(without.ttftMs / 1000)}`;
}

function bytes(value: number): string {
  return value >= 1e9 ? `${number(value / 1e9)} GB` : `${number(value / 1e6)} MB`;
}

/** Two digits at least, and no more of them than mean something. */
function number(value: number): string {
  if (value >= 100) return String(Math.round(value));
  if (value >= 10) return value.toFixed(1).replace(/\.0$/, '');
  return String(Number(value.toPrecision(2)));
}
