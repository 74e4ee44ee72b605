import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { AgentServer, type AgentServerOptions } from '../../coordinator/cluster/agent-server.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { Pairing } from '../../coordinator/pairing/pairing.ts';
import type { JoinStatus } from '../../device-agent/keep-joined.ts';
import { agentUrl, joinCoordinator } from '../../device-agent/node/join.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { secret, sessionOptions, testCluster, testCredentials, testPairing } from './test-cluster.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface House {
  readonly cluster: Cluster;
  readonly server: Server;
  readonly agents: AgentServer;
  readonly pairing: Pairing;
  readonly port: number;
}

async function house(options: Partial<AgentServerOptions> = {}, minDevices = 1): Promise<House> {
  const cluster = testCluster({ minDevices, deviceWaitMs: 10_000 });
  const server = createServer();
  const pairing = testPairing();
  const agents = new AgentServer({ pairing, onMember: (member) => cluster.add(member), ...options });
  agents.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    cluster.close();
    agents.close();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { cluster, server, agents, pairing, port: (server.address() as AddressInfo).port };
}

/** Joins in this process, over a real socket. */
function joinHouse(port: number, name: string, key = secret) {
  const statuses: JoinStatus[] = [];
  const stop = new AbortController();
  const { name: _, ...device } = sessionOptions(name);
  const done = joinCoordinator({
    url: `ws://127.0.0.1:${port}`,
    secret: key,
    credentials: testCredentials(),
    name,
    signal: stop.signal,
    onStatus: (status) => statuses.push(status),
    minRetryMs: 20,
    device,
  });
  done.catch(() => {});
  cleanups.push(() => {
    stop.abort();
    return done.catch(() => {});
  });
  return { done, stop, statuses };
}

const step: StepInput = { slot: 0, start: 0, count: 2, logits: 'all', tokens: [4, 5] };

describe('devices over WebSockets', () => {
  it('compute what one computes, and leave cleanly', async () => {
    const solo = await house();
    joinHouse(solo.port, 'solo');
    const expected = await solo.cluster.step([step]);
    const { cluster, port } = await house({}, 3);
    const devices = ['one', 'two', 'three'].map((name) => joinHouse(port, name));
    expect(await cluster.step([step])).toEqual(expected);
    devices[1]!.stop.abort();
    await devices[1]!.done;
    await expect.poll(() => cluster.deviceStates().map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(await cluster.step([step])).toEqual(expected);
  });

  it('come back by themselves', async () => {
    const { cluster, agents, pairing, server, port } = await house();
    const { statuses } = joinHouse(port, 'faithful');
    const rows = await cluster.step([step]);
    agents.close();
    const again = new AgentServer({ pairing, onMember: (member) => cluster.add(member) });
    again.attach(server);
    cleanups.push(() => again.close());
    await expect.poll(() => statuses.some(({ state }) => state === 'waiting')).toBe(true);
    expect(await cluster.step([step])).toEqual(rows);
    expect(statuses.map(({ state }) => state).slice(0, 5)).toEqual([
      'connecting',
      'awaiting-welcome',
      'joined',
      'loading',
      'ready',
    ]);
  });

  it('with another secret give up at once', async () => {
    const { cluster, port } = await house();
    await expect(joinHouse(port, 'stranger', 'wrong').done).rejects.toMatchObject({ code: 'JOIN_REFUSED' });
    expect(cluster.deviceStates()).toEqual([]);
  });

  it('knock again while nobody is there', async () => {
    const { server, port } = await house();
    await new Promise((resolve) => server.close(resolve));
    const { statuses, stop, done } = joinHouse(port, 'patient');
    await expect.poll(() => statuses.filter(({ state }) => state === 'connecting').length).toBeGreaterThan(2);
    expect(statuses.find(({ state }) => state === 'waiting')).toMatchObject({
      reason: expect.stringMatching(/ECONNREFUSED/),
    });
    stop.abort();
    await done;
  });
});

describe('the door', () => {
  const refused = (port: number, path: string, headers: Record<string, string> = {}): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    return new Promise((resolve) => {
      socket.once('error', (error) => resolve(error.message));
      socket.once('open', () => {
        socket.terminate();
        resolve('open');
      });
    });
  };

  it('opens to this server’s own pages and to programs only', async () => {
    const { port } = await house();
    expect(await refused(port, '/ws/agent')).toBe('open');
    expect(await refused(port, '/ws/agent?x=1')).toBe('open');
    expect(await refused(port, '/ws/agent', { Origin: `http://127.0.0.1:${port}` })).toBe('open');
    expect(await refused(port, '/ws/agent', { Origin: 'http://evil.example' })).toMatch(/403/);
    expect(await refused(port, '/ws/agent', { Origin: 'null' })).toMatch(/403/);
    expect(await refused(port, '/ws/agent', { Host: 'evil.example' })).toMatch(/403/);
    expect(await refused(port, '/ws/other')).toMatch(/404/);
  });

  it('bounds those who have not introduced themselves, in number and in time', async () => {
    const { port } = await house({ maxHandshakesOfOne: 2, handshakeTimeoutMs: 300 });
    const idle = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${port}/ws/agent`));
    await Promise.all(idle.map((socket) => once(socket, 'open')));
    expect(await refused(port, '/ws/agent')).toMatch(/503/);
    const [code] = (await once(idle[0]!, 'close')) as [number];
    expect(code).toBe(4408);
    await expect.poll(() => refused(port, '/ws/agent')).toBe('open');
  });

  it('reads no more of a stranger than a handshake takes', async () => {
    const { port } = await house();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/agent`);
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(new Uint8Array(8 << 20));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
  });

  it('takes a text message for malformed', async () => {
    const { port } = await house();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/agent`);
    await once(socket, 'open');
    socket.send('{"type":"join"}');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4400);
  });

  it('survives what is no WebSocket at all', async () => {
    const { port } = await house();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'GET /ws/agent HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    socket.resume();
    await once(socket, 'close');
    expect(await refused(port, '/ws/agent')).toBe('open');
  });
});

describe('the address of a coordinator', () => {
  it('may be given in several ways', () => {
    expect(agentUrl('ws://10.0.0.1:8080')).toBe('ws://10.0.0.1:8080/ws/agent');
    expect(agentUrl('http://10.0.0.1:8080/')).toBe('ws://10.0.0.1:8080/ws/agent');
    expect(agentUrl('http://10.0.0.1:8080/join#secret')).toBe('ws://10.0.0.1:8080/ws/agent');
    expect(agentUrl('https://den.local')).toBe('wss://den.local/ws/agent');
    expect(agentUrl('wss://den.local/elsewhere')).toBe('wss://den.local/elsewhere');
  });

  it.each(['', 'den.local:80', 'ftp://den', 'http://'])('%j is none', (text) => {
    expect(() => agentUrl(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
