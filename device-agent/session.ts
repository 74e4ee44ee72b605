import { type ErrorCode, HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf, normalClose } from '../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../runtime/protocol/error-report.ts';
import {
  decodeFrame,
  defaultFrameLimits,
  type Frame,
  handshakeFrameLimits,
} from '../runtime/protocol/frame.ts';
import { equalBytes, proofOf } from '../runtime/protocol/handshake.ts';
import { defaultLiveness, Liveness } from '../runtime/protocol/liveness.ts';
import { type Configure, type ControlMessage, protocolVersion } from '../runtime/protocol/messages.ts';
import { decodeTile, portableSha256 } from '../runtime/protocol/tile-frame.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Link } from './link.ts';
import { type Logger, silentLogger } from './logger.ts';
import { type RankHost, RankRunner } from './rank-runner.ts';
import {
  type Loading,
  type SessionEnd,
  type SessionOptions,
  type SessionState,
  unexpected,
} from './session-state.ts';

export type { SessionEnd, SessionOptions, SessionState } from './session-state.ts';

const tickMs = 250;

/** What goes wrong while tiles are loaded because this rank is too much for this device, which may take another. */
const reasonsToDecline: ReadonlySet<ErrorCode> = new Set(['CACHE_WRITE_FAILED', 'MEMORY_EXHAUSTED']);

/**
 * A device's side of a link to its coordinator, from the first hello to the end; knows no socket, thread or
 * file. It obeys nobody who has not proved to know the secret, and it never dies silently: what goes wrong is
 * reported over the link, then the link closes and `ended` says why.
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
  #state: SessionState = { name: 'awaiting-hello' };
  #joined = false;
  #error: HearthError | undefined;

  constructor(link: Link, options: SessionOptions) {
    this.#link = link;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const nowMs = this.#clock.nowMs();
    this.#liveness = new Liveness(options.liveness ?? defaultLiveness, nowMs);
    this.#handshakeEndMs = nowMs + (options.handshakeTimeoutMs ?? 10_000);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    link.onFrame = (message) => this.#receive(message);
    link.onClose = (_, reason) => this.#closed(reason);
    this.#stopTicks = this.#clock.every(tickMs, () => this.#tick());
  }

  get state(): SessionState['name'] {
    return this.#state.name;
  }

  /** Leaves the cluster. */
  close(): void {
    if (this.#state.name === 'closed') return;
    this.#link.close(normalClose, 'the device left');
    this.#closed('the device left');
  }

  #receive(message: Uint8Array): void {
    if (this.#state.name === 'closed') return;
    this.#liveness.heard(this.#clock.nowMs());
    try {
      const limits = this.#joined ? (this.#options.limits ?? defaultFrameLimits) : handshakeFrameLimits;
      const frame = decodeFrame(message, limits);
      if (frame.type === 'control') this.#obey(decodeControl(frame));
      else this.#compute(frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #obey(message: ControlMessage): void {
    const state = this.#state;
    if (message.type === 'refused' || message.type === 'error') this.#reported(message);
    else if (state.name === 'awaiting-hello' && message.type === 'hello') this.#join(message.nonce);
    else if (state.name === 'awaiting-welcome' && message.type === 'welcome')
      this.#welcomed(state.helloNonce, message.mac);
    else if (!this.#joined) throw unexpected(message.type, state.name);
    else if (message.type === 'configure') this.#configure(message);
    else if (message.type === 'ping') this.#send({ type: 'pong', id: message.id });
    else if (message.type === 'release' && state.name === 'ready') state.runner.release(message.slot);
    else if (message.type !== 'pong' && !(message.type === 'release' && state.name === 'declined'))
      throw unexpected(message.type, state.name);
  }

  #join(helloNonce: Uint8Array): void {
    const { secret, name, softwareVersion, nonce, capabilities } = this.#options;
    this.#enter({ name: 'awaiting-welcome', helloNonce });
    const mac = proofOf('join', secret, helloNonce, nonce);
    this.#send({ type: 'join', protocolVersion, softwareVersion, name, nonce, mac, capabilities });
  }

  #welcomed(helloNonce: Uint8Array, mac: Uint8Array): void {
    const { secret, nonce } = this.#options;
    if (!equalBytes(mac, proofOf('welcome', secret, helloNonce, nonce))) {
      throw new HearthError(
        'JOIN_REFUSED',
        'the coordinator did not prove that it knows the secret: it may be somebody else’s',
      );
    }
    this.#joined = true;
    this.#enter({ name: 'joined' });
  }

  #configure(message: Configure): void {
    const { type: _, configurationId, ...setup } = message;
    // First let go of the old rank, so that its memory can be had for the new one.
    this.#letGo();
    this.#enter({ name: 'joined' });
    let host: RankHost;
    try {
      host = this.#options.createRank(setup);
    } catch (error) {
      this.#giveUp(configurationId, error);
      return;
    }
    const loading: Loading = { name: 'loading', configure: message, host };
    this.#enter(loading);
    void this.#load(loading);
  }

  async #load(loading: Loading): Promise<void> {
    const { configurationId } = loading.configure;
    const tell = (message: ControlMessage) => {
      if (this.#state === loading) this.#send(message);
    };
    try {
      await loading.host.load({
        wanted: (tileIds) => tell({ type: 'wanted', configurationId, tileIds }),
        loaded: (tileId, tileHash) => tell({ type: 'loaded', configurationId, tileId, tileHash }),
      });
      if (this.#state === loading) this.#start(loading);
    } catch (error) {
      if (this.#state !== loading) return;
      if (error instanceof HearthError && reasonsToDecline.has(error.code))
        this.#giveUp(configurationId, error);
      else this.#fail(error);
    }
  }

  /** This device stays, for a rank that it can be. */
  #giveUp(configurationId: number, error: unknown): void {
    this.#letGo();
    this.#logger.error({ error }, 'this device cannot be the rank that it was asked to be');
    this.#enter({ name: 'declined' });
    this.#send({ type: 'declined', configurationId, ...reportOf(error) });
  }

  #compute(frame: Frame): void {
    const state = this.#state;
    if (state.name === 'loading' && frame.type === 'tile')
      state.host.deliver(decodeTile(frame, this.#options.sha256 ?? portableSha256));
    else if (state.name === 'ready' && frame.type === 'step') state.runner.begin(frame);
    else if (state.name === 'ready' && (frame.type === 'partial' || frame.type === 'sum'))
      state.runner.reduce(frame);
    else if (state.name !== 'declined') throw unexpected(frame.type, state.name);
  }

  #start({ configure, host }: Loading): void {
    const output = {
      frame: (frame: Uint8Array) => this.#link.send(frame),
      control: (message: ControlMessage) => this.#send(message),
      lost: (error: HearthError) => this.#giveUp(configure.configurationId, error),
    };
    const tools = { clock: this.#clock, logger: this.#logger };
    const runner = new RankRunner(host, configure, output, tools);
    this.#enter({ name: 'ready', runner });
    this.#send({ type: 'ready', configurationId: configure.configurationId });
    runner.reportMemory();
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    const verdict = this.#liveness.verdict(nowMs);
    if (!this.#joined && nowMs >= this.#handshakeEndMs)
      this.#fail(new HearthError('LINK_TIMEOUT', 'the coordinator did not finish the handshake in time'));
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
    const known =
      error instanceof HearthError ? error : new HearthError('INTERNAL', 'the session failed', {}, error);
    this.#logger.error({ error }, 'the session ends');
    this.#error = known;
    this.#send({ type: 'error', ...reportOf(known) });
    this.#link.close(closeCodeOf(known.code), closeReasonOf(known.message));
    this.#closed(known.message);
  }

  #closed(reason: string): void {
    if (this.#state.name === 'closed') return;
    this.#letGo();
    this.#stopTicks();
    this.#enter({ name: 'closed' });
    this.#end({ joined: this.#joined, error: this.#error, reason });
  }

  #letGo(): void {
    if (this.#state.name === 'loading') this.#state.host.close();
    else if (this.#state.name === 'ready') this.#state.runner.close();
  }

  #enter(state: SessionState): void {
    const changed = state.name !== this.#state.name;
    this.#state = state;
    if (changed) this.#options.onState?.(state.name);
  }

  #send(message: ControlMessage): void {
    this.#link.send(encodeControl(message));
  }
}
