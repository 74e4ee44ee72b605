import { type ErrorCode, HearthError } from '../runtime/error.ts';
import { reportOf } from '../runtime/protocol/error-report.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import type { Configure, ControlMessage } from '../runtime/protocol/messages.ts';
import { decodeTile, portableSha256, type Sha256 } from '../runtime/protocol/tile-frame.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { type CreateRank, type RankHost, RankRunner } from './rank-runner.ts';

export interface DeviceRankOptions {
  readonly createRank: CreateRank;
  readonly sha256: Sha256 | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (message: ControlMessage) => void;
  readonly sendFrame: (frame: Uint8Array) => void;
  /** What happened since the coordinator spoke last ends the session. */
  readonly fail: (error: unknown) => void;
  readonly onState: (state: DeviceRankState['name']) => void;
}

/** A rank and its tiles live and die with one configuration. */
type DeviceRankState =
  /** No rank, or none that this device can be. */
  | { readonly name: 'joined' }
  /** Waiting for tiles. */
  | { readonly name: 'loading'; readonly configure: Configure; readonly host: RankHost }
  | { readonly name: 'ready'; readonly runner: RankRunner };

type Loading = Extract<DeviceRankState, { name: 'loading' }>;

/** What goes wrong while tiles are loaded because this rank is too much for this device, which may take another. */
const reasonsToDecline: ReadonlySet<ErrorCode> = new Set(['CACHE_WRITE_FAILED', 'MEMORY_EXHAUSTED']);

/** What a device that has joined is told to be: no rank at first, then one after another. */
export class DeviceRank {
  readonly #options: DeviceRankOptions;
  #state: DeviceRankState = { name: 'joined' };
  /** Of the newest configuration: tiles for older ones may still be on their way. */
  #configurationId = -1;

  constructor(options: DeviceRankOptions) {
    this.#options = options;
  }

  get state(): DeviceRankState['name'] {
    return this.#state.name;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  obey(message: ControlMessage): void {
    if (message.type === 'configure') this.#configure(message);
    else if (message.type === 'release' && this.#state.name === 'ready')
      this.#state.runner.release(message.slot);
    else throw this.#unexpected(message.type);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED, TILE_CORRUPT */
  take(frame: Frame): void {
    const state = this.#state;
    if (frame.type === 'tile') this.#deliver(frame);
    else if (state.name === 'ready' && frame.type === 'step') state.runner.begin(frame);
    else if (state.name === 'ready' && (frame.type === 'partial' || frame.type === 'sum'))
      state.runner.reduce(frame);
    else throw this.#unexpected(frame.type);
  }

  /** The end. */
  close(): void {
    this.#letGo();
    this.#state = { name: 'joined' };
  }

  #letGo(): void {
    if (this.#state.name === 'loading') this.#state.host.close();
    else if (this.#state.name === 'ready') this.#state.runner.close();
  }

  #configure(configure: Configure): void {
    const { type: _, configurationId, ...setup } = configure;
    this.#configurationId = configurationId;
    // First let go of the old rank, so that its memory can be had for the new one.
    this.#letGo();
    this.#enter({ name: 'joined' });
    let host: RankHost;
    try {
      host = this.#options.createRank(setup);
    } catch (error) {
      this.#decline(configurationId, error);
      return;
    }
    const loading: Loading = { name: 'loading', configure, host };
    this.#enter(loading);
    void this.#load(loading);
  }

  async #load(loading: Loading): Promise<void> {
    const { configurationId } = loading.configure;
    const tell = (message: ControlMessage) => {
      if (this.#state === loading) this.#options.send(message);
    };
    try {
      await loading.host.load({
        wanted: (tileIds) => tell({ type: 'wanted', configurationId, tileIds }),
        loaded: (tileId, tileHash) => tell({ type: 'loaded', configurationId, tileId, tileHash }),
      });
      if (this.#state === loading) this.#start(loading);
    } catch (error) {
      if (this.#state !== loading) return;
      if (!(error instanceof HearthError) || !reasonsToDecline.has(error.code))
        return this.#options.fail(error);
      this.#letGo();
      this.#enter({ name: 'joined' });
      this.#decline(configurationId, error);
    }
  }

  #start({ configure, host }: Loading): void {
    const { send, sendFrame, clock, logger } = this.#options;
    const runner = new RankRunner(host, configure, { frame: sendFrame, control: send }, { clock, logger });
    this.#enter({ name: 'ready', runner });
    send({ type: 'ready', configurationId: configure.configurationId });
    runner.reportMemory();
  }

  #deliver(frame: Frame): void {
    const { rows: configurationId } = frame;
    const state = this.#state;
    if (configurationId > this.#configurationId) throw this.#unexpected(frame.type);
    // Others come too late: they were sent to what this device no longer is, or sent again when it had them already.
    if (state.name === 'loading' && configurationId === state.configure.configurationId)
      state.host.deliver(decodeTile(frame, this.#options.sha256 ?? portableSha256));
  }

  /** This device stays, for a rank that it can be. */
  #decline(configurationId: number, error: unknown): void {
    this.#options.logger.error({ error }, 'this device cannot be the rank that it was asked to be');
    this.#options.send({ type: 'declined', configurationId, ...reportOf(error) });
  }

  #enter(state: DeviceRankState): void {
    const changed = state.name !== this.#state.name;
    this.#state = state;
    if (changed) this.#options.onState(state.name);
  }

  #unexpected(type: string): HearthError {
    const state = this.#state.name;
    const message = `a ${type} message came while the session was ${state}`;
    return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message, { type, state });
  }
}
