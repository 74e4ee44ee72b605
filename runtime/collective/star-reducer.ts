import type { MicroBatch } from '../decoder/micro-batch.ts';
import { encodeFrame, type Frame, packTokens, unexpected } from '../protocol/frame.ts';
import { addPlanes, checkSyncPoint, encodePlanes, replacePlanes, type SyncPoint } from './partial-frame.ts';
import type { PlaneCodec, Planes } from './plane-codec.ts';

export interface StarShape {
  /** Ranks, ascending; two at least. */
  readonly members: readonly number[];
  readonly hiddenSize: number;
  readonly maxStepTokens: number;
  /** Syncs [firstSync, endSync): two a layer. */
  readonly firstSync: number;
  readonly endSync: number;
}

/** A frame and the ranks that it goes to. */
export interface Delivery {
  readonly ranks: readonly number[];
  readonly frame: Uint8Array;
}

/** How far a micro-batch is. */
interface Progress {
  readonly first: number;
  readonly tokens: number;
  /** What has been added up at its open sync. */
  readonly total: Planes;
  syncIndex: number;
  readonly arrived: Set<number>;
}

/**
 * The hub of the star of one stage: adds its members' partial sums in place as they arrive and answers with the sum
 * once the last is in. Between two members it only relays. Pure: what it returns is sent by whoever calls it.
 */
export class StarReducer {
  readonly #shape: StarShape;
  readonly #codec: PlaneCodec;
  readonly #planes: Planes;
  #stepId = -1;
  #parts: Progress[] = [];

  constructor(shape: StarShape, codec: PlaneCodec) {
    this.#shape = shape;
    this.#codec = codec;
    this.#planes = codec.allocatePlanes(
      shape.members.length > 2 ? shape.maxStepTokens * shape.hiddenSize : 0,
    );
  }

  /** Whether every sync of the step has been answered. */
  get finished(): boolean {
    return this.#parts.every((part) => this.#isDone(part));
  }

  /** Members whose partial of the first open sync has not arrived. */
  get awaited(): number[] {
    const open = this.#parts.find((part) => !this.#isDone(part));
    return open ? this.#shape.members.filter((rank) => !open.arrived.has(rank)) : [];
  }

  /** Starts a step; what was left of the one before is forgotten. */
  begin(stepId: number, parts: readonly MicroBatch[]): void {
    this.#stepId = stepId;
    const { fine, coarse } = this.#planes;
    const { hiddenSize, firstSync } = this.#shape;
    this.#parts = parts.map(({ first, end }) => ({
      first,
      tokens: end - first,
      total: {
        fine: fine.subarray(first * hiddenSize, end * hiddenSize),
        coarse: coarse.subarray(first * hiddenSize, end * hiddenSize),
        coarseUsed: false,
      },
      syncIndex: firstSync,
      arrived: new Set(),
    }));
  }

  /**
   * Takes one member's partial of the sync at which a micro-batch is.
   * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for an unknown rank, a second partial of one rank, another
   *   step, sync or micro-batch; FRAME_MALFORMED for a payload that holds no planes
   */
  receive(rank: number, frame: Frame): Delivery[] {
    const part = this.#check(rank, frame);
    part.arrived.add(rank);
    const { members } = this.#shape;
    const deliveries = members.length === 2 ? this.#relay(rank, frame) : this.#add(part, frame);
    if (part.arrived.size === members.length) {
      part.syncIndex += 1;
      part.arrived.clear();
      // The planes need no clearing: the first partial to arrive replaces them.
      part.total.coarseUsed = false;
    }
    return deliveries;
  }

  #check(rank: number, frame: Frame): Progress {
    const { members } = this.#shape;
    if (frame.type !== 'partial')
      throw unexpected(`rank ${rank} sent a ${frame.type} where a partial was due`);
    if (!members.includes(rank)) throw unexpected(`rank ${rank} is not one of ${members.join(', ')}`);
    const part = this.#parts.find((one) => packTokens(one) === frame.rows);
    if (!part)
      throw unexpected(`rank ${rank} sent a partial of tokens ${frame.rows}, which do not go together`);
    if (this.#isDone(part)) throw unexpected(`rank ${rank} sent a partial after the stage's last sync`);
    checkSyncPoint(frame, this.#point(part));
    if (part.arrived.has(rank)) throw unexpected(`rank ${rank} sent sync ${part.syncIndex} twice`);
    return part;
  }

  #relay(rank: number, { payload, ...header }: Frame): Delivery[] {
    const others = this.#shape.members.filter((other) => other !== rank);
    return [{ ranks: others, frame: encodeFrame(header, payload) }];
  }

  #add(part: Progress, frame: Frame): Delivery[] {
    const { members } = this.#shape;
    if (part.arrived.size === 1) replacePlanes(part.total, frame, this.#codec);
    else addPlanes(part.total, frame, this.#codec);
    if (part.arrived.size < members.length) return [];
    return [{ ranks: members, frame: encodePlanes('sum', this.#point(part), part.total, this.#codec) }];
  }

  #point({ syncIndex, first, tokens }: Progress): SyncPoint {
    return { stepId: this.#stepId, syncIndex, first, tokens };
  }

  #isDone({ syncIndex }: Progress): boolean {
    return syncIndex === this.#shape.endSync;
  }
}
