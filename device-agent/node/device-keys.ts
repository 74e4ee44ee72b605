import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type KeyPair, newKeyPair } from '../../runtime/secure/cryptography.ts';
import type { RememberingCredentials } from '../keep-joined.ts';
import { nodeCryptography } from './node-cryptography.ts';
import { keyOf, keysFolder, keyText, readPrivate, writePrivate } from './private-file.ts';

/** A coordinator that a device has been paired with. */
interface Known {
  readonly publicKey: string;
  /** Where it was last. */
  readonly url: string;
}

interface Stored {
  readonly privateKey: Uint8Array;
  /** The last joined first. */
  readonly coordinators: readonly Known[];
}

const maxCoordinators = 32;

/**
 * Who a device is, and whom it obeys: a key pair and the keys of coordinators, in a file that nobody else may read. Each
 * name of a device on one machine has its own.
 */
export class DeviceKeys implements RememberingCredentials {
  readonly own: KeyPair;
  readonly #path: string;
  readonly #name: string;
  #coordinators: readonly Known[];

  /** @throws HearthError FILE_READ_FAILED, FILE_WRITE_FAILED */
  constructor(name: string, folder = keysFolder()) {
    // Names have letters that paths may not have.
    const id = createHash('sha256').update(name).digest('hex').slice(0, 16);
    this.#name = name;
    this.#path = join(folder, `device-${id}.json`);
    const stored = readPrivate(this.#path, readStored);
    this.#coordinators = stored?.coordinators ?? [];
    if (stored) {
      const { privateKey } = stored;
      this.own = { privateKey, publicKey: nodeCryptography.publicKeyOf(privateKey) };
    } else {
      this.own = newKeyPair(nodeCryptography);
      this.#write();
    }
  }

  /** Where the coordinator that it joined last was. */
  get lastUrl(): string | undefined {
    return this.#coordinators[0]?.url;
  }

  knows = (coordinator: Uint8Array): boolean => {
    const publicKey = keyText(coordinator);
    return this.#coordinators.some((known) => known.publicKey === publicKey);
  };

  remember(coordinator: Uint8Array, url: string): void {
    const publicKey = keyText(coordinator);
    const [last] = this.#coordinators;
    if (last?.publicKey === publicKey && last.url === url) return;
    const others = this.#coordinators.filter((known) => known.publicKey !== publicKey);
    this.#coordinators = [{ publicKey, url }, ...others].slice(0, maxCoordinators);
    this.#write();
  }

  #write(): void {
    writePrivate(this.#path, {
      name: this.#name,
      privateKey: keyText(this.own.privateKey),
      coordinators: this.#coordinators,
    });
  }
}

function readStored(value: unknown): Stored {
  const { privateKey, coordinators } = value as Record<string, unknown>;
  if (!Array.isArray(coordinators)) throw new Error('no list of coordinators');
  return {
    privateKey: keyOf(privateKey),
    coordinators: coordinators.map(({ publicKey, url }) => ({
      publicKey: keyText(keyOf(publicKey)),
      url: String(url),
    })),
  };
}
