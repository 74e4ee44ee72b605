import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import type { KeyRing } from '../../coordinator/access/key-ring.ts';
import { ConversationShelf } from '../../coordinator/conversations/conversation-shelf.ts';
import { Conversations } from '../../coordinator/conversations/conversations.ts';
import type { AppOptions } from '../../coordinator/http/app.ts';
import { askChat } from '../../coordinator/http/ask-chat.ts';
import { clusterRoutes } from '../../coordinator/http/cluster-routes.ts';
import { clusterStateRoutes, deviceRoutes } from '../../coordinator/http/cluster-state-routes.ts';
import { pairingRoutes } from '../../coordinator/pairing/routes.ts';
import { LanCertificate } from '../../coordinator/tls/lan-certificate.ts';
import type { TlsState } from '../../coordinator/tls/tls-file.ts';
import { trustRoutes } from '../../coordinator/tls/trust-routes.ts';
import { testPairing } from '../cluster/test-cluster.ts';
import { FakeRunner } from '../generation/fixtures.ts';
import { type Served, served, testKeys } from './fixtures.ts';

export interface House extends Served {
  readonly keys: KeyRing;
  /** Ids of a conversation, of its question and of its answer. */
  readonly said: { readonly id: string; readonly question: string; readonly answer: string };
  close(): Promise<void>;
}

/** The key of scope admin. */
export const ownerKey = 'sesame';

/** An app with all routes that a coordinator on the network has. */
export async function house(options: Partial<AppOptions> = {}): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-routes-'));
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const shelf = new ConversationShelf(folder, onError);
  const asking = askChat(() => [whole.model]);
  const conversations = new Conversations({ shelf, asking, onError });
  const pairing = testPairing();
  const keys = testKeys(ownerKey);
  const certificate = testCertificate();
  const routes = {
    open: trustRoutes(() => ({ authority: certificate.authority, host: '192.168.1.20:11500' })),
    chat: { ...clusterRoutes(() => undefined), ...clusterStateRoutes(() => undefined, { onError }) },
    admin: {
      ...pairingRoutes(() => ({
        pairing,
        joinUrl: () => 'http://127.0.0.1/join',
        chatUrl: () => 'https://127.0.0.1/chat/',
        revoke: (name) => pairing.revoke(name).length,
      })),
      ...deviceRoutes(() => undefined),
    },
  };
  const whole = served(new FakeRunner(), { conversations, keys, routes, onError, ...options });
  const { id } = await shelf.create({});
  await conversations.ask(id, null, 'Who lives here?');
  const open = await shelf.get(id);
  const [question, answer] = open.conversation.messages.map((message) => message.id);
  const close = async (): Promise<void> => {
    await conversations.close();
    await whole.scheduler.close();
    rmSync(folder, { recursive: true });
  };
  return { ...whole, errors, keys, said: { id, question: question!, answer: answer! }, close };
}

export function testCertificate(names: () => readonly string[] = () => ['192.168.1.20', 'den.local']) {
  let state: TlsState | undefined;
  const store = {
    read: () => state,
    write: (written: TlsState) => {
      state = written;
    },
  };
  return new LanCertificate({ store, hostname: 'den', names });
}

export interface Route {
  readonly method: string;
  readonly path: string;
}

/** Every route of an app, with something in the place of what its path leaves open. */
export function routesOf(app: Hono): Route[] {
  const handled = app.routes.filter(({ method }) => method !== 'ALL');
  return handled.map(({ method, path }) => ({
    method,
    path: path.replace(/:(\w+)(\{[^}]*\})?/g, 'some-$1'),
  }));
}

/** What the server's socket would tell of a request. */
export function connection(remoteAddress: string, isEncrypted: boolean): object {
  const socket = { remoteAddress, localPort: 11500, ...(isEncrypted && { encrypted: true }) };
  return { incoming: { socket } };
}

export const overTls = connection('192.168.1.50', true);
export const inTheClear = connection('192.168.1.50', false);
