import { newKeyText } from '../access/access-key.ts';
import { keyFile } from '../access/key-file.ts';
import { KeyRing } from '../access/key-ring.ts';
import type { DoorOptions } from './door-options.ts';

export interface DoorKeys {
  /** None where whoever reaches this door may do everything. */
  readonly keys?: KeyRing;
  /** A key of scope admin that is new, and kept nowhere. */
  readonly newKey?: string;
}

/**
 * Which keys a door wants. From the network nobody comes in without one, so `--lan` makes one where there is none.
 * @throws HearthError FILE_READ_FAILED
 */
export function doorKeys({ lan, apiKey }: DoorOptions, isLocal: boolean): DoorKeys {
  const store = keyFile();
  if (apiKey !== undefined) return { keys: new KeyRing(store, apiKey) };
  if (isLocal) return {};
  const isKept = store.read().keys.some(({ scope, expiresAt }) => scope === 'admin' && !expiresAt);
  if (isKept) return { keys: new KeyRing(store) };
  if (!lan) return {};
  const newKey = newKeyText();
  return { keys: new KeyRing(store, newKey), newKey };
}
