import { join } from 'node:path';
import { z } from 'zod';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { whileLocked } from '../../device-agent/node/file-lock.ts';
import {
  keyOf,
  keysFolder,
  keyText,
  readPrivate,
  writePrivate,
} from '../../device-agent/node/private-file.ts';
import { newKeyPair } from '../../runtime/secure/cryptography.ts';
import type { PairingState, PairingStore } from './pairing.ts';

const storedState = z.object({
  privateKey: z.string(),
  devices: z.array(z.object({ name: z.string(), publicKey: z.string(), pairedAt: z.iso.datetime() })),
});

/**
 * The coordinator's key and its devices', in a file that nobody else may read. It is read whenever something is asked,
 * so that what another coordinator of this machine revokes is revoked here too.
 * @throws HearthError FILE_READ_FAILED, FILE_WRITE_FAILED
 */
export function pairingFile(folder = keysFolder()): PairingStore {
  const path = join(folder, 'coordinator.json');
  const write = ({ identity, devices }: PairingState): void => {
    writePrivate(path, {
      privateKey: keyText(identity.privateKey),
      devices: devices.map(({ name, publicKey, pairedAt }) => ({
        name,
        publicKey: keyText(publicKey),
        pairedAt: pairedAt.toISOString(),
      })),
    });
  };
  const locked = <T>(task: () => T): T => whileLocked(path, task);
  const begin = (): PairingState => {
    const state = { identity: newKeyPair(nodeCryptography), devices: [] };
    write(state);
    return state;
  };
  const read = (): PairingState | undefined => readPrivate(path, readState);
  return { read: () => read() ?? locked(() => read() ?? begin()), write, locked };
}

function readState(value: unknown): PairingState {
  const stored = storedState.parse(value);
  const privateKey = keyOf(stored.privateKey);
  return {
    identity: { privateKey, publicKey: nodeCryptography.publicKeyOf(privateKey) },
    devices: stored.devices.map(({ name, publicKey, pairedAt }) => ({
      name,
      publicKey: keyOf(publicKey),
      pairedAt: new Date(pairedAt),
    })),
  };
}
