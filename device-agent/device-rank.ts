import { type ErrorCode, HearthError } from '../runtime/error.ts';
import { reportOf } from '../runtime/protocol/error-report.ts';
import type { Frame, FrameType } from '../runtime/protocol/frame.ts';
import type { Configure, ControlMessage, Prepare } from '../runtime/protocol/messages.ts';
import { decodeTile, portableSha256, type Sha256, type Tile } from '../runtime/protocol/tile-frame.ts';
import type { Clock } from './clock.ts';
import type { CreateRank, LoadReport, RankHost } from './create-rank.ts';
import type { Logger } from './logger.ts';
import { RankRunner } from './rank-runner.ts';
import { unexpected } from './session-options.ts';
import { TilePreparation } from './tile-preparation.ts';
import { type RankTile, type TileSources, tilesToGet } from './tile-sources.ts';

export interface DeviceRankOptions {
  readonly createRank: CreateRank;
  /** Without it this device cannot be prepared. */
  readonly sources: TileSources | undefined;
  readonly sha256: Sha256 | undefined;
  /** See `SessionOptions`. */
  readonly effort?: (() => number) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (message: ControlMessage) => void;
  readonly sendFrame: (frame: Uint8Array) => void;
  /** What happened since the coordinator spoke last ends the session. */
  readonly fail: (error: unknown) => void;
  readonly onState: (state: DeviceRank['state']) => void;
}

/** A rank and its tiles live and die with one configuration. */
type DeviceRankState =
  | { readonly name: 'joined' }
  /** What was sent to the rank that it could not be, or be any longer, may still be on its way. */
  | { readonly name: 'declined' }
  /** Waiting for tiles. */
  | { readonly name: 'loading'; readonly configure: Configure; readonly host: RankHost }
  | { readonly name: 'ready'; readonly runner: RankRunner; readonly tiles: readonly RankTile[] };

type Loading = Extract<DeviceRankState, { name: 'loading' }>;

/** What goes wrong while tiles are loaded because this rank is too much for this device, which may take another. */
const reasonsToDecline: ReadonlySet<ErrorCode> = new Set(['CACHE_WRITE_FAILED', 'MEMORY_EXHAUSTED']);

/** Frames that other ranks have a part in. */
const fromRanks: ReadonlySet<FrameType> = new Set(['partial', 'sum', 'residual']);

/** What a device that has joined is told to be: no rank at first, then one after another. */
export class DeviceRank {
  readonly #options: DeviceRankOptions;
  #state: DeviceRankState = { name: 'joined' };
  #preparation: TilePreparation | undefined;
  /** Of the newest configuration or preparation: tiles for older ones may still be on their way. */
  #configurationId = -1;

  constructor(options: DeviceRankOptions) {
    this.#options = options;
  }

  get state(): DeviceRankState['name'] | 'preparing' {
    return this.#state.name === 'joined' && this.#preparation ? 'preparing' : this.#state.name;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  obey(message: ControlMessage): void {
    if (message.type === 'configure') this.#configure(message);
    else if (message.type === 'prepare') this.#prepare(message);
    else if (message.type === 'release' && this.#state.name === 'ready')
      this.#state.runner.release(message.slot);
    else if (message.type !== 'release' || this.#state.name !== 'declined')
      throw unexpected(message.type, this.state);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED, TILE_CORRUPT */
  take(frame: Frame): void {
    const state = this.#state;
    if (frame.type === 'tile') this.#deliver(frame);
    else if (state.name === 'ready' && frame.type === 'step') state.runner.begin(frame);
    else if (state.name === 'ready' && fromRanks.has(frame.type)) state.runner.receive(frame);
    else if (state.name === 'ready' && frame.type === 'kv') state.runner.restoreKv(frame);
    else if (state.name !== 'declined') throw unexpected(frame.type, this.state);
  }

  /** The end. */
  close(): void {
    this.#letGo();
    this.#state = { name: 'joined' };
    this.#preparation = undefined;
  }

  /** @returns the rank's host, closed */
  #letGo(): RankHost | undefined {
    const state = this.#state;
    if (state.name === 'ready') state.runner.abandon();
    const host =
      state.name === 'ready' ? state.runner.host : state.name === 'loading' ? state.host : undefined;
    host?.close();
    return host;
  }

  #configure(configure: Configure): void {
    const { type: _, configurationId, ...setup } = configure;
    this.#configurationId = configurationId;
    // First let go of the old rank, so that its memory can be had for the new one, or its tiles.
    const previous = this.#letGo();
    this.#enter({ name: 'joined' }, undefined);
    let host: RankHost;
    try {
      host = this.#options.createRank(setup, previous);
    } catch (error) {
      this.#giveUp(configurationId, error);
      return;
    }
    const loading: Loading = { name: 'loading', configure, host };
    this.#enter(loading, undefined);
    void this.#load(loading);
  }

  async #load(loading: Loading): Promise<void> {
    const { configurationId } = loading.configure;
    try {
      await loading.host.load(this.#report(configurationId, () => this.#state === loading));
      if (this.#state === loading) this.#start(loading);
    } catch (error) {
      if (this.#state !== loading) return;
      if (error instanceof HearthError && reasonsToDecline.has(error.code))
        this.#giveUp(configurationId, error);
      else this.#options.fail(error);
    }
  }

  #start({ configure, host }: Loading): void {
    const { send, sendFrame, fail, effort, clock, logger } = this.#options;
    const output = {
      frame: sendFrame,
      control: send,
      lost: (error: HearthError) => this.#giveUp(configure.configurationId, error),
      failed: fail,
    };
    const runner = new RankRunner(host, configure, output, { clock, logger, effort });
    this.#enter({ name: 'ready', runner, tiles: tilesToGet(configure) }, this.#preparation);
    send({ type: 'ready', configurationId: configure.configurationId });
    runner.reportMemory();
  }

  /** Of the rank that it is. */
  get #ownTiles(): readonly RankTile[] {
    return this.#state.name === 'ready' ? this.#state.tiles : [];
  }

  /** The device goes on as it is. */
  #prepare(prepare: Prepare): void {
    const { configurationId } = prepare;
    this.#configurationId = configurationId;
    this.#enter(this.#state, undefined);
    try {
      const report = this.#report(configurationId, () => true);
      this.#enter(this.#state, new TilePreparation(prepare, this.#ownTiles, this.#options.sources, report));
      this.#endIfPrepared();
    } catch (error) {
      this.#cannotPrepare(configurationId, error);
    }
  }

  #deliver(frame: Frame): void {
    const { rows: configurationId } = frame;
    const state = this.#state;
    const preparation = this.#preparation;
    const tile = () => decodeTile(frame, this.#options.sha256 ?? portableSha256);
    if (configurationId > this.#configurationId) throw unexpected(frame.type, this.state);
    // Others come too late: they were sent to what this device no longer is, or sent again when it had them already.
    if (state.name === 'loading' && configurationId === state.configure.configurationId)
      state.host.deliver(tile());
    else if (configurationId === preparation?.configurationId) this.#keep(preparation, tile());
  }

  #keep(preparation: TilePreparation, tile: Tile): void {
    try {
      preparation.keep(tile);
      this.#endIfPrepared();
    } catch (error) {
      this.#cannotPrepare(preparation.configurationId, error);
    }
  }

  #endIfPrepared(): void {
    const preparation = this.#preparation;
    if (!preparation?.isDone) return;
    this.#enter(this.#state, undefined);
    this.#options.send({ type: 'ready', configurationId: preparation.configurationId });
  }

  #cannotPrepare(configurationId: number, error: unknown): void {
    if (!(error instanceof HearthError) || !reasonsToDecline.has(error.code)) throw error;
    this.#enter(this.#state, undefined);
    this.#options.logger.warn({ error }, 'this device cannot get its tiles ahead of its turn');
    this.#options.send({ type: 'declined', configurationId, ...reportOf(error) });
  }

  #report(configurationId: number, isCurrent: () => boolean): LoadReport {
    const tell = (message: ControlMessage) => {
      if (isCurrent()) this.#options.send(message);
    };
    return {
      wanted: (tileIds) => tell({ type: 'wanted', configurationId, tileIds }),
      loaded: (tileId, tileHash) => tell({ type: 'loaded', configurationId, tileId, tileHash }),
    };
  }

  /** This device stays, for a rank that it can be. */
  #giveUp(configurationId: number, error: unknown): void {
    this.#letGo();
    this.#options.logger.error({ error }, 'this device cannot be the rank that it was asked to be');
    this.#enter({ name: 'declined' }, this.#preparation);
    this.#options.send({ type: 'declined', configurationId, ...reportOf(error) });
  }

  #enter(state: DeviceRankState, preparation: TilePreparation | undefined): void {
    const before = this.state;
    this.#state = state;
    this.#preparation = preparation;
    if (this.state !== before) this.#options.onState(this.state);
  }
}
