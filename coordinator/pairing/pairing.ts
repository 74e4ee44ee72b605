import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { HearthError } from '../../runtime/error.ts';
import { equalBytes } from '../../runtime/protocol/handshake.ts';
import type { KeyPair } from '../../runtime/secure/cryptography.ts';
import type { GuestList } from '../cluster/greet.ts';

/** A device that may join without the secret. */
export interface PairedDevice {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly pairedAt: Date;
}

/** What a coordinator keeps of itself and of its devices. */
export interface PairingState {
  readonly identity: KeyPair;
  readonly devices: readonly PairedDevice[];
}

/** Where it is kept; several coordinators of one machine may share it. */
export interface PairingStore {
  read(): PairingState;
  write(state: PairingState): void;
  /** Runs a task while no other process changes this: who reads and then writes does so there. */
  locked<T>(task: () => T): T;
}

const maxDevices = 256;
/** Of base64url, that hold 128 bits. */
const minSecretLength = 22;

/** Who may join: whoever has the secret, and is remembered from then on; until revoked. */
export class Pairing implements GuestList {
  readonly identity: KeyPair;
  readonly #store: PairingStore;
  #secret: string;

  /**
   * @param secret by default a new one
   * @throws HearthError USAGE for one that could be guessed; what the store throws
   */
  constructor(store: PairingStore, secret = newSecret()) {
    if (secret.length < minSecretLength) {
      const message = `a secret of ${secret.length} characters could be guessed: leave it out, or take ${minSecretLength} random ones`;
      throw new HearthError('USAGE', message);
    }
    this.#store = store;
    this.#secret = secret;
    this.identity = store.read().identity;
  }

  get secret(): string {
    return this.#secret;
  }

  get devices(): readonly PairedDevice[] {
    return this.#store.read().devices;
  }

  knows(device: Uint8Array): boolean {
    return this.devices.some(({ publicKey }) => equalBytes(publicKey, device));
  }

  /** @throws HearthError USAGE if there are too many */
  add(device: PairedDevice): void {
    this.#store.locked(() => {
      const state = this.#store.read();
      const others = state.devices.filter(({ publicKey }) => !equalBytes(publicKey, device.publicKey));
      if (others.length >= maxDevices)
        throw new HearthError('USAGE', `${maxDevices} devices are paired: revoke some that are gone`);
      this.#store.write({ ...state, devices: [...others, device] });
    });
  }

  /**
   * Forgets all devices that were paired under a name. Since they may know the secret, there is another from now on.
   * @param keys of more that are meant
   * @returns them
   */
  revoke(name: string, keys: readonly Uint8Array[] = []): readonly PairedDevice[] {
    const isMeant = (device: PairedDevice): boolean =>
      device.name === name || keys.some((key) => equalBytes(key, device.publicKey));
    const revoked = this.#store.locked(() => {
      const state = this.#store.read();
      const found = state.devices.filter(isMeant);
      const others = state.devices.filter((device) => !isMeant(device));
      if (found.length > 0) this.#store.write({ ...state, devices: others });
      return found;
    });
    if (revoked.length > 0) this.#secret = newSecret();
    return revoked;
  }
}

/** 144 random bits, in letters that URLs and shells take as they are. */
function newSecret(): string {
  return Buffer.from(nodeCryptography.random(18)).toString('base64url');
}
