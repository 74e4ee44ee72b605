import { effect, signal } from '@preact/signals';
import type { PairingAnswer } from '../../../pairing/routes.ts';
import { call } from '../../shared/api.ts';
import { attempt } from '../../shared/notices.ts';
import { devices, isLive } from './watch.ts';

/**
 * What only the owner may see: how to join, and who has. Undefined to anybody else, who so is shown nothing that
 * changes what devices do. This is the one place that asks.
 */
export const owner = signal<PairingAnswer | undefined>(undefined);

/** Asks again whenever devices come or go. */
export function watchOwner(): void {
  let names: string | undefined;
  effect(() => {
    const present = devices.value.map(({ name }) => name).join('\n');
    if (!isLive.value || present === names) return;
    names = present;
    void refreshOwner();
  });
}

async function refreshOwner(): Promise<void> {
  owner.value = await call<PairingAnswer>('GET', '/v1/cluster/pairing').catch(() => undefined);
}

export function setPaused(name: string, isPaused: boolean): Promise<boolean> {
  const path = `/v1/cluster/devices/${encodeURIComponent(name)}/${isPaused ? 'pause' : 'resume'}`;
  return attempt(() => call('POST', path));
}

/** Its links end at once, and there is another secret. */
export function revoke(name: string): Promise<boolean> {
  return attempt(async () => {
    await call('DELETE', `/v1/cluster/pairing/${encodeURIComponent(name)}`);
    await refreshOwner();
  });
}
