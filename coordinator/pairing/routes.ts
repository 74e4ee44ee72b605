import { HearthError } from '../../runtime/error.ts';
import type { Routes } from '../http/routes.ts';
import type { Pairing } from './pairing.ts';

/** What `hearth devices` asks for, and pages that show how to join. */
export interface PairingDoor {
  readonly pairing: Pairing;
  /** With the secret: what a device is told to join by. */
  readonly joinUrl: () => string;
  /** What a browser opens to chat, with the invitation where one is needed. */
  readonly chatUrl: () => string;
  /** Forgets the devices of a name and closes their links. @returns how many they were */
  readonly revoke: (name: string) => number;
}

/** An answer of what has been paired, as it leaves this machine. */
export interface PairingAnswer {
  readonly joinUrl: string;
  readonly chatUrl: string;
  readonly devices: readonly { readonly name: string; readonly pairedAt: string }[];
}

/** @param door once it is there */
export function pairingRoutes(door: () => PairingDoor | undefined): Routes {
  const here = (): PairingDoor => {
    const found = door();
    if (!found) throw new HearthError('SERVER_LOADING', 'the coordinator is starting');
    return found;
  };
  return {
    '/v1/cluster/pairing': {
      GET: () => {
        const { pairing, joinUrl, chatUrl } = here();
        const devices = pairing.devices.map(({ name, pairedAt }) => ({
          name,
          pairedAt: pairedAt.toISOString(),
        }));
        return Response.json({ joinUrl: joinUrl(), chatUrl: chatUrl(), devices } satisfies PairingAnswer);
      },
    },
    '/v1/cluster/pairing/:name': {
      DELETE: ({ req }) => {
        const name = req.param('name') ?? '';
        const revoked = here().revoke(name);
        if (revoked > 0) return Response.json({ revoked, joinUrl: here().joinUrl() });
        const message = `no device called "${name}" is paired: hearth devices lists them`;
        throw new HearthError('REQUEST_INVALID', message);
      },
    },
  };
}
