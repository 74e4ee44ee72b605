import { keepJoined, type RememberingCredentials } from '../../device-agent/keep-joined.ts';
import type { Link } from '../../device-agent/link.ts';
import type { Logger } from '../../device-agent/logger.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { StandBySwitch } from '../../device-agent/stand-by-switch.ts';
import type { HearthError } from '../../runtime/error.ts';
import type { Cryptography } from '../../runtime/secure/cryptography.ts';
import { fakeRanks } from '../cluster/fake-rank.ts';
import { MemoryCache } from '../cluster/memory-cache.ts';
import { secret, sessionOptions } from '../cluster/test-cluster.ts';
import { SimProcess, type SimTime } from './sim-time.ts';

export interface SimDeviceOptions {
  readonly time: SimTime;
  readonly name: string;
  readonly credentials: RememberingCredentials;
  readonly cryptography: Cryptography;
  readonly logger: Logger;
  readonly openLink: (device: SimDevice) => Link;
  readonly onFailure: (error: unknown) => void;
}

/** A device in simulated time: the real session, with ranks that compute something simple, and a disk of tiles. */
export class SimDevice {
  readonly name: string;
  process: SimProcess;
  /** What the next sync throws. */
  fault: HearthError | undefined;
  readonly #options: SimDeviceOptions;
  #disk = new MemoryCache();
  #over = new AbortController();
  #standBy = new StandBySwitch();

  constructor(options: SimDeviceOptions) {
    this.name = options.name;
    this.#options = options;
    this.process = new SimProcess(options.time);
  }

  get credentials(): RememberingCredentials {
    return this.#options.credentials;
  }

  /** Starts a process that joins, and joins again. */
  start(): void {
    const { time, name, credentials, cryptography, logger, openLink, onFailure } = this.#options;
    this.process = new SimProcess(time);
    this.#over = new AbortController();
    this.#standBy = new StandBySwitch();
    const cache = this.#disk;
    const onSync = (): void => {
      const { fault } = this;
      this.fault = undefined;
      if (fault) throw fault;
    };
    const { name: _, ...device } = sessionOptions(name, {
      clock: this.process,
      createRank: fakeRanks({ cache, onSync }),
      sources: { cache, model: undefined, sha256: nodeSha256 },
      standBy: this.#standBy,
    });
    keepJoined({
      url: 'sim',
      openLink: () => openLink(this),
      cryptography,
      device,
      secret,
      credentials,
      name,
      signal: this.#over.signal,
      logger,
    }).catch(onFailure);
  }

  /** Ends in order. */
  leave(): void {
    const over = this.#over;
    this.process.run(() => over.abort());
  }

  /** The process is no more. @param losesTiles its disk too */
  kill(losesTiles: boolean): void {
    this.process.kill();
    if (losesTiles) this.#disk = new MemoryCache();
  }

  standBy(reason: string): void {
    const standBy = this.#standBy;
    this.process.run(() => standBy.set(reason));
  }
}
