/** Something that may be held in a memory. */
export interface Placeable {
  /** What it is a part of. */
  readonly layer: number;
  readonly bytes: number;
  /** What holding it saves for each token, in any unit. */
  readonly saved: number;
}

export interface PlacementLimits {
  readonly capacityBytes: number;
  /** What is saved on top where all of a layer is held: nobody has to be asked for the rest of it, and waited for. */
  readonly wholeLayer: number;
}

/** Sums that are looked at, about: tiles are so many that their sizes must be counted in coarser units. */
const mostSums = 1 << 22;

/**
 * Chooses what a memory holds, as PowerInfer (arXiv 2312.12456, section 6.3) places neurons: so that the most is saved under a
 * capacity, where what a layer costs as soon as a part of it is elsewhere counts too. A knapsack, by dynamic programming
 * over sizes in units of a part of the largest: exact where all are multiples of one, as tiles of one shape are.
 * @returns indexes, ascending
 */
export function placement(
  items: readonly Placeable[],
  { capacityBytes, wholeLayer }: PlacementLimits,
): number[] {
  const unitBytes = unitOf(items.map(({ bytes }) => bytes));
  const sizes = items.map(({ bytes }) => Math.ceil(bytes / unitBytes));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const capacity = Math.max(0, Math.min(all, Math.floor(capacityBytes / unitBytes)));
  const layers = [...new Set(items.map(({ layer }) => layer))];
  let best: Float64Array = new Float64Array(capacity + 1);
  const choices = layers.map((layer) => {
    const members = items.flatMap((item, index) => (item.layer === layer ? [index] : []));
    const { saved, choice } = withLayer(best, members, items, sizes, wholeLayer);
    best = saved;
    return choice;
  });
  const held: number[] = [];
  let room = capacity;
  for (const choice of choices.reverse()) {
    const taken = choice(room);
    held.push(...taken);
    for (const item of taken) room -= sizes[item]!;
  }
  return held.sort((a, b) => a - b);
}

/** What divides all sizes, or if that is too small a part of the largest. */
function unitOf(sizes: readonly number[]): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  const steps = Math.max(1, Math.floor(mostSums / Math.max(1, sizes.length * sizes.length)));
  return Math.max(1, sizes.reduce(divisor, 0), Math.ceil(Math.max(0, ...sizes) / steps));
}

/**
 * Adds one more layer to what is best.
 * @param best for each capacity the most that can be saved without it
 * @returns the same with it, and which of its members are held in so much room
 */
function withLayer(
  best: Float64Array,
  members: readonly number[],
  items: readonly Placeable[],
  sizes: readonly number[],
  wholeLayer: number,
): { saved: Float64Array; choice: (room: number) => readonly number[] } {
  const saved = best.slice();
  const takes = members.map((item) => improve(saved, saved, sizes[item]!, items[item]!.saved));
  const size = members.reduce((sum, item) => sum + sizes[item]!, 0);
  const all = members.reduce((sum, item) => sum + items[item]!.saved, wholeLayer);
  const takesAll = improve(saved, best, size, all);
  const choice = (room: number): readonly number[] => {
    if (takesAll[room]) return members;
    const held: number[] = [];
    let left = room;
    for (let i = members.length - 1; i >= 0; i -= 1) {
      if (!takes[i]![left]) continue;
      held.push(members[i]!);
      left -= sizes[members[i]!]!;
    }
    return held;
  };
  return { saved, choice };
}

/** For each capacity: takes something on top of what was best in the room that it leaves, if that is better. @returns where */
function improve(saved: Float64Array, before: Float64Array, size: number, value: number): Uint8Array {
  const takes = new Uint8Array(saved.length);
  for (let room = saved.length - 1; room >= size; room -= 1) {
    const more = before[room - size]! + value;
    if (more <= saved[room]!) continue;
    saved[room] = more;
    takes[room] = 1;
  }
  return takes;
}
