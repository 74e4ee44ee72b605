import { HearthError } from '../error.ts';
import { encodeFrame, type Frame } from '../protocol/frame.ts';
import { addPlanes, checkSyncPoint, encodePlanes, replacePlanes } from './partial-frame.ts';
import type { PlaneCodec, Planes } from './plane-codec.ts';

export interface StarShape {
  readonly worldSize: number;
  readonly hiddenSize: number;
  readonly maxStepTokens: number;
  /** Syncs of one step: two a layer. */
  readonly syncCount: number;
}

/** A frame and the ranks that it goes to. */
export interface Delivery {
  readonly ranks: readonly number[];
  readonly frame: Uint8Array;
}

/**
 * The hub of the star: adds the ranks' partial sums in place as they arrive and answers with the sum once the
 * last is in. Between two ranks it only relays. Pure: what it returns is sent by whoever calls it.
 */
export class StarReducer {
  readonly #shape: StarShape;
  readonly #codec: PlaneCodec;
  readonly #everyone: readonly number[];
  readonly #planes: Planes;
  readonly #arrived: boolean[];
  #arrivals = 0;
  #stepId = -1;
  #tokens = 0;
  #syncIndex = 0;
  #total: Planes;

  constructor(shape: StarShape, codec: PlaneCodec) {
    this.#shape = shape;
    this.#codec = codec;
    this.#everyone = Array.from({ length: shape.worldSize }, (_, rank) => rank);
    const values = shape.worldSize > 2 ? shape.maxStepTokens * shape.hiddenSize : 0;
    this.#planes = codec.allocatePlanes(values);
    this.#arrived = this.#everyone.map(() => false);
    this.#total = this.#planes;
  }

  /** Whether every sync of the step has been answered. */
  get finished(): boolean {
    return this.#syncIndex === this.#shape.syncCount;
  }

  /** Ranks whose partial of the open sync has not arrived. */
  get awaited(): number[] {
    return this.finished ? [] : this.#everyone.filter((rank) => !this.#arrived[rank]);
  }

  /** Starts a step; what was left of the one before is forgotten. */
  begin(stepId: number, tokens: number): void {
    this.#stepId = stepId;
    this.#tokens = tokens;
    const values = tokens * this.#shape.hiddenSize;
    this.#total = {
      fine: this.#planes.fine.subarray(0, values),
      coarse: this.#planes.coarse.subarray(0, values),
      coarseUsed: false,
    };
    this.#openSync(0);
  }

  /**
   * Takes one rank's partial of the sync that is open.
   * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for an unknown rank, a second partial of one rank, another
   *   step, sync or size; FRAME_MALFORMED for a payload that holds no planes
   */
  receive(rank: number, frame: Frame): Delivery[] {
    this.#check(rank, frame);
    this.#arrived[rank] = true;
    this.#arrivals += 1;
    const deliveries = this.#shape.worldSize === 2 ? this.#relay(rank, frame) : this.#add(frame);
    if (this.#arrivals === this.#shape.worldSize) this.#openSync(this.#syncIndex + 1);
    return deliveries;
  }

  #check(rank: number, frame: Frame): void {
    const { worldSize, syncCount } = this.#shape;
    if (frame.type !== 'partial')
      throw unexpected(`rank ${rank} sent a ${frame.type} where a partial was due`);
    if (!(rank >= 0 && rank < worldSize)) throw unexpected(`there is no rank ${rank} among ${worldSize}`);
    if (this.#syncIndex === syncCount)
      throw unexpected(`rank ${rank} sent a partial after the step's last sync`);
    checkSyncPoint(frame, { stepId: this.#stepId, syncIndex: this.#syncIndex, tokens: this.#tokens });
    if (this.#arrived[rank]) throw unexpected(`rank ${rank} sent sync ${this.#syncIndex} twice`);
  }

  #relay(rank: number, { payload, ...header }: Frame): Delivery[] {
    return [{ ranks: [1 - rank], frame: encodeFrame(header, payload) }];
  }

  #add(frame: Frame): Delivery[] {
    const total = this.#total;
    if (this.#arrivals === 1) replacePlanes(total, frame, this.#codec);
    else addPlanes(total, frame, this.#codec);
    if (this.#arrivals < this.#shape.worldSize) return [];
    const point = { stepId: this.#stepId, syncIndex: this.#syncIndex, tokens: this.#tokens };
    return [{ ranks: this.#everyone, frame: encodePlanes('sum', point, total, this.#codec) }];
  }

  #openSync(syncIndex: number): void {
    this.#syncIndex = syncIndex;
    this.#arrivals = 0;
    this.#arrived.fill(false);
    // The planes need no clearing: the first partial to arrive replaces them.
    this.#total.coarseUsed = false;
  }
}

function unexpected(message: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message);
}
