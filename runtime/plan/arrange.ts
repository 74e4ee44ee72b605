import { dealLayout } from './deal.ts';
import type { Estimates } from './estimate.ts';
import type { Goal } from './goal.ts';
import type { Group } from './groupings.ts';
import type { Layout, PipelineStage } from './layout.ts';
import { logitBytes, oneWayMs, transferMs } from './network.ts';
import type { Problem } from './problem.ts';

/** Parts that steps may be cut into. */
export const microBatchSizes: readonly number[] = [8, 16, 32, 64, 128];

/**
 * Layouts of a grouping, which differ in who has the output head. The stage with who has it best comes last, or that with
 * the best of the others, whose logits are shorter than the residual that it would send else. The other stages' order is
 * of no account, since all links meet at the coordinator.
 */
export function arrange(
  problem: Problem,
  estimates: Estimates,
  groups: readonly Group[],
  goal: Goal,
): Layout[] {
  const members = groups.flatMap((group) => group.members);
  const linked = members.filter((rank) => problem.devices[rank]!.link);
  // What they hold does not depend on their order.
  const last = (goal === 'memory' ? [members] : [members, linked])
    .filter((ranks) => ranks.length > 0)
    .map((ranks) => bestForHead(problem, ranks));
  const sorted = [...groups].sort((a, b) => a.members[0]! - b.members[0]!);
  const lastGroups = last.map((rank) => sorted.findIndex((group) => group.members.includes(rank)));
  return [...new Set(lastGroups)].flatMap((index) =>
    arrangeInOrder(problem, estimates, [...sorted.toSpliced(index, 1), sorted[index]!], goal),
  );
}

function arrangeInOrder(
  problem: Problem,
  estimates: Estimates,
  ordered: readonly Group[],
  goal: Goal,
): Layout[] {
  const { devices, work } = problem;
  let before = 0;
  let firstLayer = 0;
  const stages: PipelineStage[] = [];
  for (const { members, layers, shares: given } of ordered) {
    before += layers;
    const endLayer = Math.round(before);
    if (endLayer === firstLayer) continue;
    const shares = devices.map(() => 0);
    (given ?? estimates.stage(members, layers).shares).forEach((share, i) => {
      shares[members[i]!] = share < 1e-6 * layers ? 0 : share;
    });
    stages.push({ firstLayer, endLayer, shares });
    firstLayer = endLayer;
  }
  const microBatchTokens = Math.min(32, work.options.maxStepTokens);
  return headChoices(problem, stages, goal).map((vocabularyShares) => ({
    stages,
    vocabularyShares,
    microBatchTokens,
  }));
}

/** What the output head takes on a device: beside rows, and for all rows. */
interface HeadCost {
  readonly beginMs: number;
  readonly rowsMs: number;
}

function headCost({ devices, times, work }: Problem, rank: number): HeadCost {
  const { link } = devices[rank]!;
  const rowsMs = times[rank]!.vocabularyMs(work.vocabulary.tiles, 1);
  if (!link) return { beginMs: 0, rowsMs };
  // Of many rows no more logits are sent than of few.
  const bytes = logitBytes(1, work.description.config.vocabSize);
  return { beginMs: transferMs(bytes, link.upBytesPerSecond) + oneWayMs(link, 0.5), rowsMs };
}

/** Who would be done first with all of it. */
function bestForHead(problem: Problem, ranks: readonly number[]): number {
  const wholeMs = ranks.map((rank) => {
    const { beginMs, rowsMs } = headCost(problem, rank);
    return beginMs + rowsMs;
  });
  return ranks[wholeMs.indexOf(Math.min(...wholeMs))]!;
}

/**
 * Shares of the output head that are worth a look: among the last stage, the coordinator's own, both, all that have a
 * part, and of the one that is best at it.
 */
export function headChoices(problem: Problem, stages: readonly PipelineStage[], goal: Goal): number[][] {
  const { devices } = problem;
  const ranks = devices.map((_, rank) => rank);
  const local = ranks.filter((rank) => !devices[rank]!.link);
  const rooms = headRooms(problem, stages);
  if (goal === 'private') return [headShares(problem, rooms, local)];
  const used = ranks.filter((rank) => stages.some(({ shares }) => shares[rank]! > 0));
  const last = ranks.filter((rank) => stages.at(-1)!.shares[rank]! > 0);
  const best = bestForHead(problem, used);
  const nearby = ranks.filter((rank) => last.includes(rank) || local.includes(rank));
  const choices = [last, [best], local, nearby, used].map((holders) =>
    goal === 'memory' ? sharesOfRoom(rooms, holders) : headShares(problem, rooms, holders),
  );
  const known = new Set<string>();
  return choices.filter((shares) => {
    const key = shares.join();
    const isNew = !known.has(key) && shares.some((share) => share > 0);
    known.add(key);
    return isNew;
  });
}

/** So that all holders end at one time, as far as they have room; who would begin later than that has none. */
function headShares(problem: Problem, rooms: readonly number[], holders: readonly number[]): number[] {
  const shares = problem.devices.map(() => 0);
  const costs = problem.devices.map((_, rank) => headCost(problem, rank));
  let open = holders.filter((rank) => rooms[rank]! > 0);
  let missing = 1;
  while (open.length > 0) {
    const endMs = endOf(
      open.map((rank) => costs[rank]!),
      missing,
    );
    const wanted = (rank: number) => (endMs - costs[rank]!.beginMs) / costs[rank]!.rowsMs;
    const late = open.filter((rank) => wanted(rank) <= 0);
    const full = open.filter((rank) => wanted(rank) >= rooms[rank]!);
    if (late.length === 0 && full.length === 0) {
      for (const rank of open) shares[rank] = wanted(rank);
      return shares;
    }
    // The others share the rest.
    const settled = late.length > 0 ? late : full;
    for (const rank of settled) {
      shares[rank] = late.length > 0 ? 0 : rooms[rank]!;
      missing -= shares[rank]!;
    }
    open = open.filter((rank) => !settled.includes(rank));
    if (missing <= 1e-9) return shares;
  }
  return missing > 1e-6 ? problem.devices.map((_, rank) => (holders.includes(rank) ? 1 : 0)) : shares;
}

/** When so much of the head is done by all of these. */
function endOf(costs: readonly HeadCost[], share: number): number {
  const begun = costs.reduce((sum, { beginMs, rowsMs }) => sum + beginMs / rowsMs, 0);
  return (share + begun) / costs.reduce((sum, { rowsMs }) => sum + 1 / rowsMs, 0);
}

function sharesOfRoom(rooms: readonly number[], holders: readonly number[]): number[] {
  return rooms.map((room, rank) => (holders.includes(rank) ? Math.max(0, room) : 0));
}

/** Of each device, how much of the output head there is memory for beside its layers. */
function headRooms(problem: Problem, stages: readonly PipelineStage[]): number[] {
  const { devices, memories, work } = problem;
  const noHead = { stages, vocabularyShares: devices.map(() => 0), microBatchTokens: 1, keepsShares: true };
  const deal = dealLayout(work, noHead);
  return devices.map((device, rank) => {
    const roomBytes = memories.room(memories.held(deal, rank), device);
    return (
      Math.floor((roomBytes / work.vocabulary.byteLength) * work.vocabulary.tiles - 2) / work.vocabulary.tiles
    );
  });
}
