import { HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf, normalClose } from '../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../runtime/protocol/error-report.ts';
import {
  decodeFrame,
  defaultFrameLimits,
  type Frame,
  handshakeFrameLimits,
} from '../runtime/protocol/frame.ts';
import { defaultLiveness, Liveness } from '../runtime/protocol/liveness.ts';
import { type ControlMessage, protocolVersion } from '../runtime/protocol/messages.ts';
import { isProbe } from '../runtime/protocol/probe-messages.ts';
import { type Clock, systemClock } from './clock.ts';
import { DeviceRank } from './device-rank.ts';
import type { SessionKey } from './knock.ts';
import type { Link } from './link.ts';
import { type Logger, silentLogger } from './logger.ts';
import { ProbeAnswers } from './probe/probe-answers.ts';
import {
  defaultHandshakeTimeoutMs,
  type SessionEnd,
  type SessionOptions,
  type SessionState,
  unexpected,
} from './session-options.ts';
import { TileLinkKeeper } from './tile-link-keeper.ts';

export type { SessionEnd, SessionOptions, SessionState } from './session-options.ts';

const tickMs = 250;

/** Once it has been welcomed the device is whatever rank it is told to be. */
type Stage =
  | { readonly name: 'awaiting-welcome' }
  | {
      readonly name: 'joined';
      readonly rank: DeviceRank;
      readonly probes: ProbeAnswers;
      readonly tileLink: TileLinkKeeper | undefined;
    }
  | { readonly name: 'closed' };

/**
 * A device's side of a link to the coordinator that it obeys, from the join to the end; knows no socket, thread or
 * file. Who is at the other end has been proved before, by `knock`, or is this process. A session never dies silently:
 * what goes wrong is reported over the link, then the link closes and `ended` says why.
 */
export class Session {
  readonly ended: Promise<SessionEnd>;
  readonly #link: Link;
  readonly #options: SessionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #liveness: Liveness;
  readonly #handshakeEndMs: number;
  readonly #stopTicks: () => void;
  #end!: (end: SessionEnd) => void;
  #stage: Stage = { name: 'awaiting-welcome' };
  #joined = false;
  #error: HearthError | undefined;

  constructor(link: Link, options: SessionOptions) {
    this.#link = link;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const nowMs = this.#clock.nowMs();
    this.#liveness = new Liveness(options.liveness ?? defaultLiveness, nowMs);
    this.#handshakeEndMs = nowMs + (options.handshakeTimeoutMs ?? defaultHandshakeTimeoutMs);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    link.onFrame = (message) => this.#receive(message);
    link.onClose = (_, reason) => this.#closed(reason);
    this.#stopTicks = this.#clock.every(tickMs, () => this.#tick());
    this.#enter(this.#stage);
    const { name, softwareVersion, capabilities } = options;
    this.#send({ type: 'join', protocolVersion, softwareVersion, name, capabilities });
  }

  get state(): SessionState {
    return this.#stage.name === 'joined' ? this.#stage.rank.state : this.#stage.name;
  }

  /** Leaves the cluster. */
  close(): void {
    if (this.#stage.name === 'closed') return;
    this.#link.close(normalClose, 'the device left');
    this.#closed('the device left');
  }

  #receive(message: Uint8Array): void {
    if (this.#stage.name === 'closed') return;
    this.#liveness.heard(this.#clock.nowMs());
    try {
      const limits = this.#joined ? (this.#options.limits ?? defaultFrameLimits) : handshakeFrameLimits;
      const frame = decodeFrame(message, limits);
      if (frame.type === 'control') this.#obey(decodeControl(frame));
      else this.#take(frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #obey(message: ControlMessage): void {
    const stage = this.#stage;
    if (message.type === 'refused' || message.type === 'error') this.#reported(message);
    else if (stage.name === 'awaiting-welcome' && message.type === 'welcome') this.#welcomed(message);
    else if (stage.name !== 'joined') throw unexpected(message.type, stage.name);
    else if (message.type === 'ping') this.#send({ type: 'pong', id: message.id });
    else if (isProbe(message)) stage.probes.answer(message);
    else if (message.type !== 'pong') {
      stage.probes.yield();
      stage.rank.obey(message);
    }
  }

  #take(frame: Frame): void {
    if (this.#stage.name !== 'joined') throw unexpected(frame.type, this.#stage.name);
    if (frame.type === 'step') this.#stage.probes.yield();
    this.#stage.rank.take(frame);
  }

  #welcomed(key: SessionKey): void {
    this.#joined = true;
    const { createRank, sources, sha256, measure, standBy, effort, onState = () => {} } = this.#options;
    const send = (message: ControlMessage): void => this.#send(message);
    const clock = this.#clock;
    const logger = this.#logger;
    const rank = new DeviceRank({
      createRank,
      sources,
      sha256,
      effort,
      clock,
      logger,
      send,
      sendFrame: (frame) => this.#link.send(frame),
      fail: (error) => this.#fail(error),
      onState,
    });
    const backlogBytes = () => this.#link.backlogBytes;
    const probes = new ProbeAnswers({ measure, clock, logger, send, backlogBytes });
    standBy?.follow((reason) => send({ type: 'standBy', reason }));
    this.#enter({ name: 'joined', rank, probes, tileLink: this.#openTileLink(rank, key) });
  }

  #openTileLink(rank: DeviceRank, key: SessionKey): TileLinkKeeper | undefined {
    const { tileLinks, liveness, handshakeTimeoutMs } = this.#options;
    if (!tileLinks) return undefined;
    return new TileLinkKeeper({
      ...tileLinks,
      key,
      liveness: liveness ?? defaultLiveness,
      handshakeTimeoutMs: handshakeTimeoutMs ?? defaultHandshakeTimeoutMs,
      clock: this.#clock,
      logger: this.#logger,
      onTile: (frame) => {
        try {
          rank.take(frame);
        } catch (error) {
          this.#fail(error);
        }
      },
    });
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    const verdict = this.#liveness.verdict(nowMs);
    if (!this.#joined && nowMs >= this.#handshakeEndMs)
      this.#fail(new HearthError('LINK_TIMEOUT', 'the coordinator did not answer in time'));
    else if (verdict === 'dead')
      this.#fail(new HearthError('LINK_TIMEOUT', 'the coordinator has gone silent'));
    else if (verdict === 'ping' && this.#joined) this.#send({ type: 'ping', id: 0 });
  }

  /** The coordinator says what is wrong; it closes the link too. */
  #reported(message: Extract<ControlMessage, { type: 'refused' | 'error' }>): void {
    this.#error = errorOf(message);
    this.#link.close(closeCodeOf(message.code), '');
    this.#closed(message.message);
  }

  #fail(error: unknown): void {
    const known = HearthError.of(error, 'the session failed');
    this.#logger.error({ error }, 'the session ends');
    this.#error = known;
    this.#send({ type: 'error', ...reportOf(known) });
    this.#link.close(closeCodeOf(known.code), closeReasonOf(known.message));
    this.#closed(known.message);
  }

  #closed(reason: string): void {
    const stage = this.#stage;
    if (stage.name === 'closed') return;
    if (stage.name === 'joined') {
      stage.probes.yield();
      stage.tileLink?.close();
      stage.rank.close();
    }
    this.#stopTicks();
    this.#enter({ name: 'closed' });
    this.#end({ joined: this.#joined, error: this.#error, reason });
  }

  #enter(stage: Stage): void {
    this.#stage = stage;
    this.#options.onState?.(stage.name);
  }

  #send(message: ControlMessage): void {
    this.#link.send(encodeControl(message));
  }
}
