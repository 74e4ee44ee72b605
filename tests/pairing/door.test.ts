import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { AgentServer, type AgentServerOptions } from '../../coordinator/cluster/agent-server.ts';
import type { Pairing } from '../../coordinator/pairing/pairing.ts';
import type { JoinStatus } from '../../device-agent/keep-joined.ts';
import { joinCoordinator } from '../../device-agent/node/join.ts';
import {
  secret,
  sessionOptions,
  testCluster,
  testCredentials,
  testPairing,
} from '../cluster/test-cluster.ts';

async function house(options: Partial<AgentServerOptions> = {}) {
  const cluster = testCluster();
  const pairing: Pairing = options.pairing ?? testPairing();
  const server = createServer();
  const agents = new AgentServer({ pairing, onMember: (member) => cluster.add(member), ...options });
  agents.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    cluster.close();
    agents.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { cluster, pairing, agents, url: `ws://127.0.0.1:${port}`, port };
}

/** Joins in this process, over a real socket. */
function join(url: string, name: string, key: string | undefined, credentials = testCredentials()) {
  const stop = new AbortController();
  const statuses: JoinStatus[] = [];
  const { name: _, ...device } = sessionOptions(name);
  const done = joinCoordinator({
    url,
    secret: key,
    credentials,
    name,
    device,
    signal: stop.signal,
    onStatus: (status) => statuses.push(status),
    minRetryMs: 20,
  });
  done.catch(() => {});
  onTestFinished(() => {
    stop.abort();
    return done.catch(() => {});
  });
  return { done, stop, statuses, credentials };
}

test('a device that has joined with the secret comes back without it', async () => {
  const { cluster, pairing, url } = await house();
  const first = join(url, 'phone', secret);
  await cluster.whenReady();
  first.stop.abort();
  await first.done;
  join(url, 'phone', undefined, first.credentials);
  await expect.poll(() => cluster.deviceStates().map(({ state }) => state)).toEqual(['ready']);
  expect(pairing.devices.map(({ name }) => name)).toEqual(['phone']);
});

test('a device that is revoked is let go at once, with all its links, and does not come back', async () => {
  const { cluster, pairing, agents, url } = await house();
  const phone = join(url, 'phone', secret);
  await expect.poll(() => cluster.deviceStates().length).toBe(1);
  join(url, 'laptop', secret);
  await expect.poll(() => cluster.deviceStates().map(({ state }) => state)).toEqual(['ready', 'ready']);
  expect(agents.revoke('phone')).toBe(1);
  expect(cluster.deviceStates().map(({ name }) => name)).toEqual(['laptop']);
  await expect(phone.done).rejects.toMatchObject({ code: 'DEVICE_NOT_PAIRED' });
  // The secret that it has is no longer the one.
  await expect(join(url, 'phone', secret, phone.credentials).done).rejects.toMatchObject({
    code: 'JOIN_REFUSED',
  });
  await expect(join(url, 'phone', undefined, phone.credentials).done).rejects.toMatchObject({
    code: 'DEVICE_NOT_PAIRED',
  });
  expect(pairing.devices.map(({ name }) => name)).toEqual(['laptop']);
  expect(agents.revoke('nobody')).toBe(0);
  await expect.poll(() => cluster.deviceStates().map(({ state }) => state)).toEqual(['ready']);
});

test('a device that its coordinator has forgotten is paired anew, if it has the secret', async () => {
  const { cluster, url } = await house();
  const one = join(url, 'phone', secret);
  await cluster.whenReady();
  one.stop.abort();
  await one.done;
  const reborn = await house({ pairing: forgetful(one.credentials) });
  join(reborn.url, 'phone', secret, one.credentials);
  await expect.poll(() => reborn.cluster.deviceStates().length).toBe(1);
  expect(reborn.pairing.devices).toHaveLength(1);

  /** The same secret and, as the device sees it, one that it knows. */
  function forgetful(credentials: ReturnType<typeof testCredentials>): Pairing {
    const pairing = testPairing();
    credentials.remember(pairing.identity.publicKey, '');
    return pairing;
  }
});

test('strangers who only open sockets are few, are let go, and keep no others out for long', async () => {
  const { cluster, url, port } = await house({ handshakeTimeoutMs: 2_000 });
  const before = process.memoryUsage().rss;
  const codes: number[] = [];
  let turnedAway = 0;
  for (let i = 0; i < 200; i += 1) {
    const socket = new WebSocket(`${url}/ws/agent`);
    socket.on('error', () => (turnedAway += 1));
    socket.on('close', (code) => codes.push(code));
    // And one who never even asks.
    if (i % 10 === 0)
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .unref();
  }
  await expect.poll(() => turnedAway).toBe(192);
  await expect.poll(() => codes.filter((code) => code === 4408).length).toBe(8);
  join(url, 'honest', secret);
  await cluster.whenReady();
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
});

test('who talks on but proves nothing is let go in time', async () => {
  const { url } = await house({ handshakeTimeoutMs: 300 });
  const socket = new WebSocket(`${url}/ws/agent`);
  await once(socket, 'open');
  // Byte for byte, so that no message is ever whole.
  const { _socket: raw } = socket as unknown as { _socket: import('node:net').Socket };
  const timer = setInterval(() => raw.write(Uint8Array.of(0x82)), 50);
  onTestFinished(() => clearInterval(timer));
  socket.on('error', () => {});
  await once(socket, 'close');
});
