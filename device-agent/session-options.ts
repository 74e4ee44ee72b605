import { HearthError } from '../runtime/error.ts';
import type { FrameLimits } from '../runtime/protocol/frame.ts';
import type { LivenessOptions } from '../runtime/protocol/liveness.ts';
import type { Capabilities } from '../runtime/protocol/messages.ts';
import type { Sha256 } from '../runtime/protocol/tile-frame.ts';
import type { Clock } from './clock.ts';
import type { CreateRank } from './create-rank.ts';
import type { Logger } from './logger.ts';
import type { MeasureDevice } from './probe/measure.ts';
import type { StandBySwitch } from './stand-by-switch.ts';
import type { TileLinkOpener } from './tile-link-keeper.ts';
import type { TileSources } from './tile-sources.ts';

export interface SessionOptions {
  /** What its owner calls this device. */
  readonly name: string;
  readonly softwareVersion: string;
  readonly capabilities: Capabilities;
  readonly createRank: CreateRank;
  /** Where the device has tiles and keeps them. Without it, it is sent them when it becomes a rank, not before. */
  readonly sources?: TileSources;
  readonly sha256?: Sha256;
  /** Tells how fast this device is. Without it the coordinator does not know. */
  readonly measure?: MeasureDevice;
  /** Opens links of their own for tiles. Without it they come with all else. */
  readonly tileLinks?: TileLinkOpener;
  readonly limits?: FrameLimits;
  readonly liveness?: LivenessOptions;
  /** Time in which the coordinator must have taken this device in. */
  readonly handshakeTimeoutMs?: number;
  /** Whether the device is to be left out for now. */
  readonly standBy?: StandBySwitch;
  /** Part of the time in which it may compute, 0 to 1: less keeps it cool. Looked at again and again. */
  readonly effort?: () => number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly onState?: (state: SessionState) => void;
}

/** Where a session stands. */
export type SessionState =
  | 'awaiting-welcome'
  /** Without a rank. */
  | 'joined'
  /** Without a rank, getting tiles for one. */
  | 'preparing'
  /** Without the rank that it was to be. */
  | 'declined'
  /** Waiting for tiles. */
  | 'loading'
  | 'ready'
  | 'closed';

/** In which a coordinator must have answered. */
export const defaultHandshakeTimeoutMs = 10_000;

/** How a session ended. */
export interface SessionEnd {
  /** Whether the coordinator had accepted this device. */
  readonly joined: boolean;
  /** What ended it; undefined if one side just closed the link. */
  readonly error: HearthError | undefined;
  /** What the other side or the transport said when it closed the link. */
  readonly reason: string;
}

/** The error of a message that came at the wrong time. */
export function unexpected(type: string, state: SessionState): HearthError {
  const message = `a ${type} message came while the session was ${state}`;
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message, { type, state });
}
