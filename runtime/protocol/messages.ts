import type { RankOptions } from '../decoder/rank-options.ts';
import type { ErrorCode, ErrorFields } from '../error.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import type { HandshakeMessage } from './handshake-messages.ts';
import type { ProbeMessage } from './probe-messages.ts';

/**
 * Every message of the protocol, in the order of a session; docs/PROTOCOL.md is the long form. Control messages
 * are the union below. The other frames (frame.ts) are `tile`, `step`, `partial`, `sum`, `residual`, `logits`,
 * `spans` and `kv`.
 *
 * A change that an older peer would misread raises this number: peers of different numbers refuse each other.
 */
export const protocolVersion = 4;

/** Numbers of the control messages. A number is never given a second meaning. */
export const controlNumbers = {
  hello: 1,
  join: 2,
  welcome: 3,
  refused: 4,
  configure: 5,
  wanted: 6,
  loaded: 7,
  ready: 8,
  release: 9,
  error: 10,
  ping: 11,
  pong: 12,
  stepFailed: 13,
  declined: 14,
  memory: 15,
  attach: 16,
  prepare: 18,
  measure: 19,
  measured: 20,
  burst: 21,
  burstWanted: 22,
  pair: 23,
  rejoin: 24,
  answer: 25,
  confirm: 26,
  standBy: 27,
} as const;
export type ControlType = keyof typeof controlNumbers;

/** What a peer may learn of an error: a `HearthError` without its stack and cause. */
export interface Report {
  readonly code: ErrorCode;
  /** At most 1000 characters. */
  readonly message: string;
  /** At most 16. */
  readonly fields: ErrorFields;
}

/** What a device says of itself. Shown to its owner and used to plan; nothing rests on its truth. */
export interface Capabilities {
  /** For example `node 20.20.2 linux x64`. */
  readonly platform: string;
  readonly kernels: 'relaxed' | 'baseline';
  readonly threads: number;
  /** Memory it would give to a model; 0 if it cannot tell. */
  readonly memoryBytes: number;
}

/** agent → coordinator, the first message that is sealed: who it is. */
export interface Join {
  readonly type: 'join';
  readonly protocolVersion: number;
  readonly softwareVersion: string;
  /** 1 to 64 printable characters. */
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** coordinator → agent: it is taken in. From here on it obeys. */
export interface Welcome {
  readonly type: 'welcome';
  /** Names the session: `sessionBytes`. */
  readonly session: Uint8Array;
  /** 32 random bytes, with which links are attached to it. */
  readonly tileKey: Uint8Array;
}

/** coordinator → agent, then it closes the link. */
export interface Refused extends Report {
  readonly type: 'refused';
}

/** Which tiles a device is to hold. */
export interface TileSetup {
  /** Grows with each configuration and preparation; answers repeat it, so that late ones can be told apart. */
  readonly configurationId: number;
  readonly description: ModelDescription;
  readonly assignment: Assignment;
  /** SHA-256 of each tile of the assignment, one after another; zeros where it is not known yet. */
  readonly tileHashes: Uint8Array;
}

/** coordinator → agent: drop what you hold and become this rank. */
export interface Configure extends TileSetup {
  readonly type: 'configure';
  readonly options: RankOptions;
  /** Whether to send, after each step, where its time went. */
  readonly profile: boolean;
  /** Whether to send, after each step, the runs of KV that it has filled. */
  readonly copiesKv: boolean;
}

/** coordinator → agent: go on as you are, and get these tiles onto your disk. Ends with the next configuration. */
export interface Prepare extends TileSetup {
  readonly type: 'prepare';
}

/**
 * agent → coordinator: this device cannot be that rank, for want of memory above all. It stays, without a rank.
 * Or it cannot be prepared, for want of a place to keep tiles; it stays what it is.
 */
export interface Declined extends Report {
  readonly type: 'declined';
  readonly configurationId: number;
}

/** agent → coordinator: send me these tiles. First of what is not here, then of what turns out to be damaged. */
export interface Wanted {
  readonly type: 'wanted';
  readonly configurationId: number;
  /** Ascending. */
  readonly tileIds: readonly number[];
}

/** agent → coordinator: this tile has been verified and loaded, or kept. The sender keeps few unanswered tiles in flight. */
export interface Loaded {
  readonly type: 'loaded';
  readonly configurationId: number;
  readonly tileId: number;
  /** SHA-256; zeros if this device has not hashed it. */
  readonly tileHash: Uint8Array;
}

/** agent → coordinator: all tiles are here, steps may come; or, of a preparation, the configuration may. */
export interface Ready {
  readonly type: 'ready';
  readonly configurationId: number;
}

/** What a rank takes of its device's memory, and what it streams through it. */
export interface MemoryUse {
  /** What the device gives to ranks at most. */
  readonly budgetBytes: number;
  /** Of tiles that are in memory to stay. */
  readonly residentBytes: number;
  /** Of memory through which the other tiles pass. */
  readonly windowBytes: number;
  /** Of records of neurons that are read from disk when they are wanted. */
  readonly coldBytes: number;
  /** Of KV pages, activations, sums. */
  readonly otherBytes: number;
  /** Tiles that were found on the device's disk when the rank was loaded. */
  readonly keptTiles: number;
  /** FFN tiles that its GPU has too, and computes where a step is worth it. */
  readonly gpuTiles: number;
  /**
   * Steps since it was loaded, and in them: bytes read of tiles that pass, records read and bytes for them, time spent reading
   * tiles, time that computing waited for any of it.
   */
  readonly steps: number;
  readonly streamedBytes: number;
  readonly records: number;
  readonly recordBytes: number;
  readonly readMs: number;
  readonly waitMs: number;
}

/** agent → coordinator: with `ready`, and from then on every few seconds in which there were steps. */
export interface Memory extends MemoryUse {
  readonly type: 'memory';
  readonly configurationId: number;
}

/** agent → coordinator: leave me out from now on, or, without a reason, no longer. What I am meanwhile I go on being. */
export interface StandBy {
  readonly type: 'standBy';
  /** For people: at most 100 printable characters; empty when it is over. */
  readonly reason: string;
}

/** coordinator → agent, between steps: forget a slot's positions. */
export interface Release {
  readonly type: 'release';
  readonly slot: number;
}

/** agent → coordinator: this step ended with an error here; the rank is ready for another. */
export interface StepFailed extends Report {
  readonly type: 'stepFailed';
  readonly stepId: number;
}

/** Either way: what went wrong. The sender closes the link after it. */
export interface ErrorReport extends Report {
  readonly type: 'error';
}

/** Either way; answered by a pong with the same id. */
export interface Ping {
  readonly type: 'ping';
  readonly id: number;
}

export interface Pong {
  readonly type: 'pong';
  readonly id: number;
}

export type ControlMessage =
  | HandshakeMessage
  | Join
  | Welcome
  | Refused
  | Configure
  | Prepare
  | Declined
  | Wanted
  | Loaded
  | Ready
  | Memory
  | StandBy
  | Release
  | StepFailed
  | ErrorReport
  | Ping
  | Pong
  | ProbeMessage;
