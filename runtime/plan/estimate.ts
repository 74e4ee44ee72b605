import type { Goal } from './goal.ts';
import { floatBytes, oneWayMs, partialBytes, transferMs } from './network.ts';
import type { Problem } from './problem.ts';
import { bytesOfTiles } from './workload.ts';

/** A rough figure of what layers cost on a device, all tokens of an answer together. */
interface DeviceEstimate {
  /** Computing one layer, and reading one that does not stay in memory. */
  readonly layerMs: number;
  readonly readMs: number;
  /** Layers that memory holds, and that it would hold with weights streaming. */
  readonly layers: number;
  readonly streamingLayers: number;
  /** Two syncs, where two swap and where more go through the hub, without what the hub's connection adds. */
  readonly swapMs: number;
  readonly reduceMs: number;
  /** Residuals to the device and back, for a stage by itself. */
  readonly hopMs: number;
  readonly isRemote: boolean;
}

/** What some devices would take for some layers, and in which shares. */
export interface StageEstimate {
  /** Infinite where they have not the memory. */
  readonly ms: number;
  /** Layers' worth of tiles, one number for each of the devices. */
  readonly shares: readonly number[];
}

/** Of T, as a part of it: shares are rounded to tiles anyway. */
const precision = 1e-3;

/**
 * Costs that a search can add up: as if tiles could be divided at will, and nothing overlapped but what a stage's
 * members do. The fastest shares are those with which all members end at one time T: a member does what it can within
 * T, less what its syncs take, as far as its memory holds (water-filling).
 */
export class Estimates {
  readonly #devices: readonly DeviceEstimate[];
  /** A layer's two syncs: what one member adds on the coordinator's connection. */
  readonly #hubMs: number;

  /** @param headShare the part of its share of the output head that memory is kept for */
  constructor(problem: Problem, goal: Goal, headShare: number) {
    const { devices, network, work } = problem;
    const { steps, tokens } = messagesOf(problem, goal);
    const bytes = tokens * partialBytes(network, 1, work.description.config.hiddenSize);
    this.#hubMs = goal === 'memory' ? 0 : 4 * transferMs(bytes, network.hubBytesPerSecond);
    const totalBytes = Math.max(
      1,
      devices.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    );
    this.#devices = devices.map((_, rank) => {
      const headBytes = (headShare * work.vocabulary.byteLength * devices[rank]!.memoryBytes) / totalBytes;
      const room = layersThatFit(problem, rank, headBytes);
      if (goal === 'memory') return onlyMemory(room.layers);
      const layerMs = layerTime(problem, goal, rank);
      return { ...room, layerMs, ...linkTimes(problem, rank, steps, tokens), readMs: room.readMs * steps };
    });
  }

  /** @param members some devices, which are to compute so many layers together */
  stage(members: readonly number[], layers: number): StageEstimate {
    const syncs = members.map((rank) => this.#syncMs(rank, members.length));
    const { ms, shares } = this.#fill(members, layers, syncs);
    return { ms: ms + this.#sharedMs(members, layers), shares };
  }

  /** As if links cost nothing: by speed and memory alone, so that nobody is left out. @returns layers of each */
  bySpeed(members: readonly number[], layers: number): StageEstimate {
    return this.#fill(
      members,
      layers,
      members.map(() => 0),
    );
  }

  /** @param syncs of each member, what a layer's syncs take */
  #fill(members: readonly number[], layers: number, syncs: readonly number[]): StageEstimate {
    const within = (i: number, ms: number) =>
      this.#layersWithin(members[i]!, layers, ms - layers * syncs[i]!, ms);
    const computed = (ms: number) => {
      let total = 0;
      for (let i = 0; i < members.length; i += 1) total += within(i, ms);
      return total;
    };
    let high = 1;
    while (computed(high) < layers) {
      high *= 4;
      if (high > 1e15) return { ms: Number.POSITIVE_INFINITY, shares: members.map(() => 1) };
    }
    let low = high === 1 ? 0 : high / 4;
    while (high - low > precision * high) {
      const middle = (low + high) / 2;
      if (computed(middle) < layers) low = middle;
      else high = middle;
    }
    return { ms: high, shares: members.map((_, i) => within(i, high)) };
  }

  #syncMs(rank: number, members: number): number {
    const { swapMs, reduceMs } = this.#devices[rank]!;
    return members === 1 ? 0 : members === 2 ? swapMs : reduceMs;
  }

  /** What comes on top, whoever does how much. */
  #sharedMs(members: readonly number[], layers: number): number {
    if (members.length === 1) return this.#devices[members[0]!]!.hopMs;
    if (members.length === 2) return 0;
    return this.#hubMs * layers * members.filter((rank) => this.#devices[rank]!.isRemote).length;
  }

  /** How many of a stage's layers a member computes in a part of the time in which it reads. */
  #layersWithin(rank: number, layers: number, computeMs: number, ms: number): number {
    const device = this.#devices[rank]!;
    const computed = Math.min(layers, Math.max(0, computeMs / device.layerMs));
    if (computed <= device.layers) return computed;
    if (device.readMs === Number.POSITIVE_INFINITY) return device.layers;
    const read = device.readMs > 0 ? ms / device.readMs : computed;
    return Math.min(computed, device.streamingLayers, device.layers + read);
  }

  /** Devices in the order in which a search takes them: who is best by some measure comes first. */
  orders(): number[][] {
    const ranks = this.#devices.map((_, rank) => rank);
    const by = (key: (device: DeviceEstimate) => number) =>
      [...ranks].sort((a, b) => key(this.#devices[a]!) - key(this.#devices[b]!) || a - b);
    return [
      by(({ layerMs, reduceMs }) => layerMs + reduceMs),
      by(({ reduceMs }) => reduceMs),
      by(({ streamingLayers, layers }) => -Math.max(layers, streamingLayers)),
    ];
  }
}

/** How often something is sent for an answer, and for how many tokens. */
function messagesOf({ work, usage }: Problem, goal: Goal): { steps: number; tokens: number } {
  const { answerTokens, promptTokens, sequences } = usage;
  const promptSteps = promptTokens / Math.min(32, work.options.maxStepTokens);
  const answerSteps = goal === 'throughput' ? answerTokens / sequences : answerTokens;
  return { steps: answerSteps + promptSteps, tokens: answerTokens + promptTokens };
}

function layerTime({ work, times, usage }: Problem, goal: Goal, rank: number): number {
  const { promptTokens, answerTokens, sequences } = usage;
  const position = promptTokens + answerTokens / 2;
  const batch = goal === 'throughput' ? sequences : 1;
  const promptStep = Math.min(32, promptTokens);
  const totalMs = work.sublayers.reduce((total, { tiles }, sublayer) => {
    const decodeMs = times[rank]!.sublayerMs(sublayer, tiles, batch, position);
    const promptMs = times[rank]!.sublayerMs(sublayer, tiles, promptStep, promptTokens / 2);
    return total + (answerTokens * decodeMs) / batch + (promptTokens * promptMs) / promptStep;
  }, 0);
  return totalMs / work.description.config.layerCount;
}

function layersThatFit({ work, devices, memories }: Problem, rank: number, headBytes: number) {
  const { threads, memoryBytes, diskBytesPerSecond, seekBytes } = devices[rank]!;
  const { sublayers, kvBytesPerTile, description } = work;
  const { layerCount } = description.config;
  const weightBytes = sum(sublayers.map(({ byteLength }) => byteLength)) / layerCount;
  const kvBytes = sublayers[0]!.tiles * kvBytesPerTile;
  // Shares are rounded to tiles.
  const slackBytes = bytesOfTiles(sublayers[0]!, 1) + bytesOfTiles(sublayers[1]!, 1) + kvBytesPerTile;
  const roomBytes = memoryBytes - memories.emptyBytes(threads) - headBytes - slackBytes;
  const layers = Math.max(0, roomBytes / (weightBytes + kvBytes));
  if (diskBytesPerSecond <= 0) return { layers, streamingLayers: layers, readMs: Number.POSITIVE_INFINITY };
  return {
    layers,
    streamingLayers: Math.max(layers, (roomBytes - memories.windowBytes(threads)) / Math.max(1, kvBytes)),
    readMs: transferMs(weightBytes * memories.readShare(seekBytes), diskBytesPerSecond),
  };
}

function linkTimes({ devices, network, work }: Problem, rank: number, steps: number, tokens: number) {
  const { link, syncMs } = devices[rank]!;
  const { hiddenSize } = work.description.config;
  const ownMs = 2 * (syncMs + network.exchangeMs) * steps;
  if (!link) return { swapMs: ownMs, reduceMs: ownMs, hopMs: 0, isRemote: false };
  const wayMs = (bytes: number) =>
    2 * oneWayMs(link, 0.6) * steps +
    transferMs(bytes * tokens, link.upBytesPerSecond) +
    transferMs(bytes * tokens, link.downBytesPerSecond);
  const syncWayMs = wayMs(partialBytes(network, 1, hiddenSize));
  return {
    swapMs: ownMs + syncWayMs,
    reduceMs: ownMs + 2 * syncWayMs,
    hopMs: wayMs(floatBytes(1, hiddenSize)),
    isRemote: true,
  };
}

/** Where memory is the goal, a layer costs the part of the memory that it takes. */
function onlyMemory(layers: number): DeviceEstimate {
  const readMs = Number.POSITIVE_INFINITY;
  const free = { swapMs: 0, reduceMs: 0, hopMs: 0, isRemote: false };
  return { layerMs: layers > 0 ? 1 / layers : 1e12, readMs, layers, streamingLayers: layers, ...free };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
