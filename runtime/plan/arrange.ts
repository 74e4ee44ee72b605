import { dealLayout } from './deal.ts';
import type { Estimates } from './estimate.ts';
import type { Goal } from './goal.ts';
import type { Group } from './groupings.ts';
import type { Layout, PipelineStage } from './layout.ts';
import { floatBytes, oneWayMs, transferMs } from './network.ts';
import type { Problem } from './problem.ts';

/** Parts that steps may be cut into. */
export const microBatchSizes: readonly number[] = [8, 16, 32, 64, 128];

/**
 * Layouts of a grouping, which differ in who has the output head. The stage with who has it best comes last: the
 * others' order is of no account, since all links meet at the coordinator.
 */
export function arrange(
  problem: Problem,
  estimates: Estimates,
  groups: readonly Group[],
  goal: Goal,
): Layout[] {
  const { devices, work } = problem;
  const best = Math.min(...groups.flatMap(({ members }) => members).map((rank) => headCost(problem, rank)));
  const isLast = ({ members }: Group) => members.some((rank) => headCost(problem, rank) === best);
  const ordered = [...groups].sort(
    (a, b) => Number(isLast(a)) - Number(isLast(b)) || a.members[0]! - b.members[0]!,
  );
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

/** The output head's whole time if this device had it. */
function headCost({ devices, times, work }: Problem, rank: number): number {
  const { link } = devices[rank]!;
  const headMs = times[rank]!.vocabularyMs(work.vocabulary.tiles, 1);
  if (!link) return headMs;
  const bytes = floatBytes(1, work.description.config.vocabSize);
  return headMs + transferMs(bytes, link.upBytesPerSecond) + oneWayMs(link, 0.5);
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
  const best = [...used].sort((a, b) => headCost(problem, a) - headCost(problem, b))[0]!;
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

/** So that all holders end at one time, as far as they have room: rows in proportion to speed. */
function headShares(problem: Problem, rooms: readonly number[], holders: readonly number[]): number[] {
  const shares = problem.devices.map(() => 0);
  let open = holders.filter((rank) => rooms[rank]! > 0);
  let missing = 1;
  // Who has not the room for what its speed would give it is full; the others share the rest.
  while (missing > 1e-9 && open.length > 0) {
    const total = open.reduce((sum, rank) => sum + 1 / headCost(problem, rank), 0);
    let given = 0;
    for (const rank of open) {
      const wanted = missing / headCost(problem, rank) / total;
      const share = Math.min(wanted, rooms[rank]! - shares[rank]!);
      shares[rank]! += share;
      given += share;
    }
    missing -= given;
    const stillOpen = open.filter((rank) => shares[rank]! < rooms[rank]! - 1e-9);
    if (stillOpen.length === open.length) break;
    open = stillOpen;
  }
  return missing > 1e-6 ? problem.devices.map((_, rank) => (holders.includes(rank) ? 1 : 0)) : shares;
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
    const { weightBytes, kvBytes, restBytes } = memories.of(memories.held(deal, rank), device);
    const roomBytes = device.memoryBytes - weightBytes - kvBytes - restBytes;
    return (
      Math.floor((roomBytes / work.vocabulary.byteLength) * work.vocabulary.tiles - 2) / work.vocabulary.tiles
    );
  });
}
