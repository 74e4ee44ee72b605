import type { Clock } from '../../device-agent/clock.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { errorOf } from '../../runtime/protocol/error-report.ts';
import { unexpected } from '../../runtime/protocol/frame.ts';
import type { Configure, ControlMessage, Loaded, Prepare } from '../../runtime/protocol/messages.ts';
import { encodeTile } from '../../runtime/protocol/tile-frame.ts';
import { isKnown } from '../../runtime/tile/tile-hash.ts';
import type { Member } from './member.ts';
import type { TileHashes } from './tile-hashes.ts';
import type { TileSupply } from './tile-supply.ts';

/** What a cluster needs of a model. */
export type ModelSource = Pick<ModelFile, 'description' | 'tiles' | 'cutTile' | 'embed'>;

/** A device cannot be the rank that it was asked to be; it stays linked. */
export class Declined extends Error {
  readonly member: Member;
  readonly reason: HearthError;

  constructor(member: Member, reason: HearthError) {
    super(reason.message);
    this.member = member;
    this.reason = reason;
  }
}

export interface DeliveryOptions {
  readonly clock: Clock;
  readonly tiles: TileSupply;
  readonly hashes: TileHashes;
  /** Tile bytes that may be under way to one device, unanswered; one tile always may. */
  readonly tileWindowBytes: number;
  /** Time in which a device must answer something, be it one tile. */
  readonly loadStallTimeoutMs: number;
  /** A tile has been loaded. */
  readonly onLoaded: (tileBytes: number) => void;
  /** A device that was ready cannot read its tiles any more. */
  readonly onGivenUp: (reason: HearthError) => void;
}

/**
 * Makes one member a rank, or prepares it to become one: says so and then sends the tiles that it wants, cut when their
 * turn comes, a few at a time, until it says that it is ready.
 */
export class TileDelivery {
  /** Rejects with Declined or HearthError; never settles after `cancel`. */
  readonly done: Promise<void>;
  readonly #member: Member;
  readonly #setup: Configure | Prepare;
  readonly #model: ModelSource;
  readonly #options: DeliveryOptions;
  readonly #stopWatch: () => void;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #state: 'configuring' | 'loading' | 'ready' | 'ended' = 'configuring';
  #queue: number[] = [];
  /** Tiles that the device has not loaded yet and does not want either: those that it has by itself. */
  readonly #own: Set<number>;
  readonly #underWay = new Map<number, number>();
  /** Tiles that were under way when their link broke: they are sent again, but may have arrived. */
  readonly #uncertain = new Set<number>();
  #underWayBytes = 0;
  #cutting = false;
  #progressMs: number;

  constructor(member: Member, setup: Configure | Prepare, model: ModelSource, options: DeliveryOptions) {
    this.#member = member;
    this.#setup = setup;
    this.#model = model;
    this.#options = options;
    this.#own = new Set(setup.assignment.tileIds);
    this.#progressMs = options.clock.nowMs();
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stopWatch = options.clock.every(Math.min(250, options.loadStallTimeoutMs), () => this.#watch());
    member.send(setup);
  }

  /** Whether the member has taken up this configuration: what it sent before belongs to an older one. */
  get answered(): boolean {
    return this.#state !== 'configuring';
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  receive(message: ControlMessage): void {
    if (this.#state === 'ended' || !('configurationId' in message)) return;
    // An answer to an older configuration that crossed this one on the way.
    if (message.configurationId !== this.#setup.configurationId) return;
    this.#progressMs = this.#options.clock.nowMs();
    if (message.type === 'declined') this.#declined(errorOf(message));
    else if (message.type === 'wanted' && this.#state !== 'ready') this.#wanted(message.tileIds);
    else if (message.type === 'loaded' && this.#state === 'loading') this.#loaded(message);
    else if (message.type === 'ready' && this.#state === 'loading') this.#ready();
    else throw unexpected(`a ${message.type} message came while the device was ${this.#state}`);
  }

  #declined(reason: HearthError): void {
    if (this.#state === 'ready') this.#options.onGivenUp(reason);
    else this.#end(new Declined(this.#member, reason));
  }

  /** The link on which tiles were under way is another now. */
  resend(): void {
    for (const tileId of this.#underWay.keys()) this.#uncertain.add(tileId);
    this.#queue.unshift(...this.#underWay.keys());
    this.#underWay.clear();
    this.#underWayBytes = 0;
    void this.#fillWindow();
  }

  /** Sends nothing more. */
  cancel(): void {
    this.#state = 'ended';
    this.#stopWatch();
  }

  #wanted(tileIds: readonly number[]): void {
    const stranger = tileIds.find((id) => !this.#own.has(id));
    if (stranger !== undefined)
      throw unexpected(`the device wants tile ${stranger}, which it has not to load`);
    this.#state = 'loading';
    this.#queue.push(...tileIds);
    for (const id of tileIds) this.#own.delete(id);
    if (this.#setup.type === 'prepare') this.#leaveOwn();
    void this.#fillWindow();
  }

  /** What a device has by itself it need not load in advance. */
  #leaveOwn(): void {
    for (const id of this.#own) this.#options.onLoaded(this.#model.tiles[id]!.byteLength);
    this.#own.clear();
  }

  #loaded({ tileId, tileHash }: Loaded): void {
    if (this.#own.delete(tileId)) {
      if (isKnown(tileHash)) this.#options.hashes.learn(tileId, tileHash);
      this.#options.onLoaded(this.#model.tiles[tileId]!.byteLength);
      return;
    }
    const bytes = this.#underWay.get(tileId) ?? 0;
    const wasUnderWay = this.#underWay.delete(tileId);
    const wasUncertain = this.#uncertain.delete(tileId);
    if (!wasUnderWay && !wasUncertain)
      throw unexpected(`the device loaded tile ${tileId}, which was not under way`);
    if (!wasUnderWay) this.#queue = this.#queue.filter((id) => id !== tileId);
    this.#underWayBytes -= bytes;
    this.#options.onLoaded(this.#model.tiles[tileId]!.byteLength);
    void this.#fillWindow();
  }

  #ready(): void {
    if (this.#queue.length > 0 || this.#underWay.size > 0 || this.#own.size > 0)
      throw unexpected('the device is ready without its tiles');
    this.#state = 'ready';
    this.#stopWatch();
    this.#resolve();
  }

  /** Cuts and sends tiles while there is room; the answers call it again. */
  async #fillWindow(): Promise<void> {
    if (this.#cutting) return;
    this.#cutting = true;
    try {
      while (this.#state === 'loading' && this.#queue.length > 0 && this.#member.takesTiles) {
        const spec = this.#model.tiles[this.#queue[0]!]!;
        // What an older configuration left behind in the link counts too, and is looked at again by the watch.
        const busyBytes = Math.max(this.#underWayBytes, this.#member.tileBacklogBytes);
        if (busyBytes > 0 && busyBytes + spec.byteLength > this.#options.tileWindowBytes) break;
        const { bytes, hash } = await this.#options.tiles.cut(spec);
        // The cluster may have changed its mind while the tile was being cut.
        if (this.#state !== 'loading') break;
        // Or the tile has arrived after all.
        if (this.#queue[0] !== spec.id) continue;
        this.#queue.shift();
        this.#underWay.set(spec.id, spec.byteLength);
        this.#underWayBytes += spec.byteLength;
        this.#progressMs = this.#options.clock.nowMs();
        this.#options.hashes.learn(spec.id, hash);
        this.#member.sendTile(encodeTile(this.#setup.configurationId, { id: spec.id, hash, bytes }));
      }
    } catch (error) {
      this.#end(error);
    } finally {
      this.#cutting = false;
    }
  }

  #watch(): void {
    void this.#fillWindow();
    if (this.#options.clock.nowMs() - this.#progressMs < this.#options.loadStallTimeoutMs) return;
    this.#member.drop(new HearthError('LINK_TIMEOUT', 'the device does not load its tiles'));
  }

  #end(error: unknown): void {
    if (this.#state === 'ended') return;
    this.cancel();
    this.#reject(error);
  }
}
