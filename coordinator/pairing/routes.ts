import type { Hono } from 'hono';
import { HearthError } from '../../runtime/error.ts';
import type { Pairing } from './pairing.ts';

/** What `hearth devices` asks for, and pages that show how to join. */
export interface PairingDoor {
  readonly pairing: Pairing;
  /** With the secret: what a device is told to join by. */
  readonly joinUrl: () => string;
  /** Forgets the devices of a name and closes their links. @returns how many they were */
  readonly revoke: (name: string) => number;
}

/** An answer of what has been paired, as it leaves this machine. */
export interface PairingAnswer {
  readonly joinUrl: string;
  readonly devices: readonly { readonly name: string; readonly pairedAt: string }[];
}

/** @param door once it is there */
export function addPairingRoutes(app: Hono, door: () => PairingDoor | undefined): void {
  const here = (): PairingDoor => {
    const found = door();
    if (!found) throw new HearthError('SERVER_LOADING', 'the coordinator is starting');
    return found;
  };
  app.get('/v1/cluster/pairing', () => {
    const { pairing, joinUrl } = here();
    const devices = pairing.devices.map(({ name, pairedAt }) => ({ name, pairedAt: pairedAt.toISOString() }));
    return Response.json({ joinUrl: joinUrl(), devices } satisfies PairingAnswer);
  });
  app.delete('/v1/cluster/pairing/:name', ({ req }) => {
    const name = req.param('name');
    const revoked = here().revoke(name);
    if (revoked > 0) return Response.json({ revoked, joinUrl: here().joinUrl() });
    throw new HearthError(
      'REQUEST_INVALID',
      `no device called "${name}" is paired: hearth devices lists them`,
    );
  });
}
