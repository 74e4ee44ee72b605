import { type Clock, systemClock } from '../../device-agent/clock.ts';
import type { Link } from '../../device-agent/link.ts';
import { HearthError } from '../../runtime/error.ts';
import { closeCodeOf, closeReasonOf, normalClose } from '../../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../../runtime/protocol/error-report.ts';
import {
  decodeFrame,
  defaultFrameLimits,
  type Frame,
  type FrameLimits,
} from '../../runtime/protocol/frame.ts';
import { defaultLiveness, type LivenessOptions } from '../../runtime/protocol/liveness.ts';
import type { Capabilities, ControlMessage } from '../../runtime/protocol/messages.ts';
import { isProbe } from '../../runtime/protocol/probe-messages.ts';
import { MemberProbe } from '../probe/member-probe.ts';
import { StandBys } from './stand-bys.ts';
import { TileLink } from './tile-link.ts';
import type { StepShape } from './vigil.ts';
import { Watch } from './watch.ts';

export type LinkKind = 'local' | 'websocket';

export interface MemberOptions {
  readonly limits?: FrameLimits;
  readonly liveness?: LivenessOptions;
  readonly clock?: Clock;
  /** Time in which a device may open a link for tiles; then they go with all else. By default they do at once. */
  readonly tileLinkWaitMs?: number;
}

/** What a joined device told of itself. */
export interface MemberInfo {
  readonly name: string;
  readonly softwareVersion: string;
  readonly capabilities: Capabilities;
  readonly link: LinkKind;
  /** Names its session. */
  readonly session: Uint8Array;
  /** Who it is, whatever it calls itself: its public key, or the name of what is a thread of this process. */
  readonly identity: string;
  /** Whether it has been paired just now, by a person. */
  readonly isNew: boolean;
}

/** What a member hears, once it is part of a cluster. */
export interface MemberHandlers {
  readonly onControl: (message: ControlMessage) => void;
  readonly onTensors: (frame: Frame) => void;
  /** Tiles go another way: those that are under way may not arrive. */
  readonly onTileLink: () => void;
  /** It is to be left out from now on, or no longer. */
  readonly onStandBy: () => void;
  /** Called once. */
  readonly onLost: (error: HearthError) => void;
}

const tickMs = 100;
/** After the last tile, its link is soon free. */
const tileRestMs = 2_000;

/**
 * The coordinator's end of a link to a device that has proved who it is. Decodes what comes, asks
 * whether the device is alive, and lets go of it when it misbehaves, goes silent or leaves.
 */
export class Member {
  readonly info: MemberInfo;
  /** What is known of its speed. */
  readonly probe: MemberProbe;
  /** Why it is to be left out. */
  readonly standBys = new StandBys(() => this.#handlers?.onStandBy());
  readonly #link: Link;
  readonly #limits: FrameLimits;
  readonly #clock: Clock;
  readonly #watch: Watch;
  readonly #stopTicks: () => void;
  #tileLink: TileLink | undefined;
  readonly #tileLinkWaitMs: number;
  #tileLinkDueMs: number;
  #handlers: MemberHandlers | undefined;
  #tileSentMs = Number.NEGATIVE_INFINITY;
  #lost: HearthError | undefined;

  constructor(link: Link, info: MemberInfo, options: MemberOptions = {}) {
    this.info = info;
    this.#link = link;
    this.#limits = options.limits ?? defaultFrameLimits;
    this.#clock = options.clock ?? systemClock;
    this.#watch = new Watch(options.liveness ?? defaultLiveness, this.#clock.nowMs());
    const probed = {
      clock: this.#clock,
      send: (message: ControlMessage) => this.send(message),
      backlogBytes: () => link.backlogBytes,
    };
    this.probe = new MemberProbe(probed, info.link === 'local');
    this.#tileLinkWaitMs = options.tileLinkWaitMs ?? 0;
    this.#tileLinkDueMs = this.#clock.nowMs() + this.#tileLinkWaitMs;
    link.onFrame = (message) => this.#receive(message);
    link.onClose = (_, reason) => this.#gone(new HearthError('DEVICE_LOST', reason || 'the link was closed'));
    this.#stopTicks = this.#clock.every(tickMs, () => this.#tick());
  }

  /** From now on these hear the member; if it is lost already, they hear that at once. */
  attach(handlers: MemberHandlers): void {
    this.#handlers = handlers;
    if (this.#lost) handlers.onLost(this.#lost);
  }

  get isHere(): boolean {
    return !this.#lost;
  }

  /** Whether no tiles are on their way to it. */
  get isIdle(): boolean {
    return this.tileBacklogBytes === 0 && this.#clock.nowMs() - this.#tileSentMs >= tileRestMs;
  }

  /** From now on tiles go over this link, which takes the place of one that may be there already. */
  takeTileLink(link: Link): void {
    const replaced = this.#tileLink;
    const tileLink = new TileLink(link, () => {
      if (this.#tileLink !== tileLink) return;
      this.#tileLink = undefined;
      this.#tileLinkDueMs = this.#clock.nowMs() + this.#tileLinkWaitMs;
      this.#handlers?.onTileLink();
    });
    this.#tileLink = tileLink;
    replaced?.close(normalClose, 'another has taken its place');
    this.#handlers?.onTileLink();
  }

  /** Whether tiles may be sent now; if not, to be asked again. */
  get takesTiles(): boolean {
    return this.#tileLink !== undefined || this.#clock.nowMs() >= this.#tileLinkDueMs;
  }

  /** Over the link for tiles, or with all else while there is none. */
  sendTile(frame: Uint8Array): void {
    this.#tileSentMs = this.#clock.nowMs();
    (this.#tileLink ?? this.#link).send(frame);
  }

  /** Bytes that the link for tiles has not taken yet. */
  get tileBacklogBytes(): number {
    return (this.#tileLink ?? this.#link).backlogBytes;
  }

  sendFrame(frame: Uint8Array): void {
    this.#link.send(frame);
    this.probe.sent(frame);
  }

  send(message: ControlMessage): void {
    if (message.type === 'configure') this.probe.drift.reset();
    this.#link.send(encodeControl(message));
  }

  /** From now on its silence holds up a step. What is a thread of this process cannot vanish alone. */
  stepBegins(shape: StepShape): void {
    if (this.info.link !== 'local') this.#watch.stepBegins(shape, this.#clock.nowMs());
  }

  stepEnds(): void {
    this.#watch.stepEnds();
  }

  /** Tells the device why, and lets go of it. */
  drop(error: HearthError): void {
    if (this.#lost) return;
    this.send({ type: 'error', ...reportOf(error) });
    this.#link.close(closeCodeOf(error.code), closeReasonOf(error.message));
    this.#gone(error);
  }

  /** Lets go of a device that did nothing wrong. */
  close(): void {
    if (this.#lost) return;
    this.#link.close(normalClose, 'the coordinator is stopping');
    this.#gone(new HearthError('DEVICE_LOST', 'the coordinator is stopping'));
  }

  #receive(message: Uint8Array): void {
    if (this.#lost) return;
    this.#watch.heard(this.#clock.nowMs());
    try {
      const frame = decodeFrame(message, this.#limits);
      if (frame.type === 'control') this.#hear(decodeControl(frame));
      else this.#take(frame);
    } catch (error) {
      this.drop(HearthError.of(error, 'the hub failed'));
    }
  }

  #hear(message: ControlMessage): void {
    if (message.type === 'ping') this.send({ type: 'pong', id: message.id });
    else if (message.type === 'error') this.#failed(errorOf(message));
    else if (message.type === 'standBy') this.standBys.set('device', message.reason);
    else if (message.type === 'pong' || isProbe(message)) this.probe.hear(message);
    else {
      if (message.type === 'memory') this.#watch.streams(message.windowBytes > 0);
      this.#handlers?.onControl(message);
    }
  }

  #take(frame: Frame): void {
    this.probe.received(frame);
    this.#handlers?.onTensors(frame);
  }

  /** The device says what ended its session; it closes the link too. */
  #failed(error: HearthError): void {
    this.#link.close(closeCodeOf(error.code), '');
    this.#gone(error);
  }

  #tick(): void {
    const verdict = this.#watch.verdict(this.#clock.nowMs(), this.#link.backlogBytes);
    if (verdict === 'dead') this.drop(new HearthError('LINK_TIMEOUT', 'the device has gone silent'));
    if (verdict === 'ping') this.send({ type: 'ping', id: 0 });
  }

  #gone(error: HearthError): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#stopTicks();
    this.probe.end();
    const tileLink = this.#tileLink;
    this.#tileLink = undefined;
    tileLink?.close(normalClose, 'the session has ended');
    this.#handlers?.onLost(error);
  }
}
