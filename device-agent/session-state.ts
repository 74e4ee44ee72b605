import { HearthError } from '../runtime/error.ts';
import type { FrameLimits } from '../runtime/protocol/frame.ts';
import type { LivenessOptions } from '../runtime/protocol/liveness.ts';
import type { Capabilities, Configure } from '../runtime/protocol/messages.ts';
import type { Sha256 } from '../runtime/protocol/tile-frame.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { CreateRank, RankHost, RankRunner } from './rank-runner.ts';

export interface SessionOptions {
  /** Known to the coordinator and to each of its devices. */
  readonly secret: string;
  /** What its owner calls this device. */
  readonly name: string;
  readonly softwareVersion: string;
  readonly capabilities: Capabilities;
  /** 32 random bytes, new for each session. */
  readonly nonce: Uint8Array;
  readonly createRank: CreateRank;
  readonly sha256?: Sha256;
  readonly limits?: FrameLimits;
  readonly liveness?: LivenessOptions;
  /** Time in which the coordinator must have proved itself. */
  readonly handshakeTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly onState?: (state: SessionState['name']) => void;
}

/** Where a session stands. A rank and its tiles live and die with one configuration. */
export type SessionState =
  | { readonly name: 'awaiting-hello' }
  | { readonly name: 'awaiting-welcome'; readonly helloNonce: Uint8Array }
  | { readonly name: 'joined' }
  /** What was sent to the rank that it gave up may still be on its way. */
  | { readonly name: 'declined' }
  | Loading
  | { readonly name: 'ready'; readonly runner: RankRunner }
  | { readonly name: 'closed' };

/** Waiting for tiles. */
export interface Loading {
  readonly name: 'loading';
  readonly configure: Configure;
  readonly host: RankHost;
}

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
export function unexpected(type: string, state: SessionState['name']): HearthError {
  const message = `a ${type} message came while the session was ${state}`;
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message, { type, state });
}
