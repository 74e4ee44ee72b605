import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { AgentServer } from '../../coordinator/cluster/agent-server.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../coordinator/http/server.ts';
import { testPairing } from '../cluster/test-cluster.ts';
import { testCertificate } from './every-route.ts';
import { served } from './fixtures.ts';

const lan = testCertificate();
const quick = { headersTimeoutMs: 300, requestTimeoutMs: 600, greetingTimeoutMs: 300 };

async function started(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const { model } = served();
  const { certificate } = lan;
  const server = await startHttpServer({ models: () => [model], port: 0, certificate, ...options });
  const agents = new AgentServer({ pairing: testPairing(), onMember: () => {}, handshakeTimeoutMs: 300 });
  agents.attach(server.server);
  onTestFinished(async () => {
    agents.close();
    await server.close();
  });
  return server;
}

const trusting = { ca: lan.authority.toString(), servername: 'localhost' };

function plain({ port }: HttpServer): Socket {
  return bounded(connect(port, '127.0.0.1'));
}

function secure({ port }: HttpServer): Socket {
  return bounded(connectTls({ port, host: '127.0.0.1', ...trusting }));
}

function bounded<T extends Socket>(socket: T): T {
  socket.on('error', () => {});
  socket.setTimeout(8000, () => socket.destroy());
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** All that comes until the server closes. */
async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => (text += data));
  await closed(socket);
  return text;
}

/** Whatever broke it. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Writes one byte after the other, as slowly as the server lets it. @returns milliseconds until it was let go */
async function drip(socket: Socket, text: string): Promise<number> {
  const beganMs = performance.now();
  const over = closed(socket);
  for (const byte of text) {
    if (socket.destroyed) break;
    socket.write(byte);
    await sleep(20);
  }
  await over;
  return performance.now() - beganMs;
}

const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const endless = `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(1000)}`;
const upgrade = `GET /ws/agent HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: ${'x'.repeat(1000)}`;

it('speaks HTTP and TLS on one port, however the bytes come', async () => {
  const server = await started();
  for (const socket of [plain(server), secure(server)]) {
    socket.write(get);
    expect(await heard(socket)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*"ok"/);
  }
  const slow = plain(server);
  const answer = heard(slow);
  for (const byte of get) {
    slow.write(byte);
    await sleep(1);
  }
  expect(await answer).toMatch(/^HTTP\/1.1 200 OK/);
});

it('keeps a connection for more than one request, with a body in pieces', async () => {
  const server = await started();
  const body = `{"content":"${'abc'.repeat(20_000)}"}`;
  const post = `POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n`;
  for (const socket of [plain(server), secure(server)]) {
    const answers = heard(socket);
    socket.write(`${post}\r\n${body.slice(0, 10)}`);
    await sleep(20);
    socket.write(`${body.slice(10)}${post}Connection: close\r\n\r\n${body}`);
    expect((await answers).match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
  }
});

it('shows the certificate that it got last', async () => {
  let names = ['192.168.1.20'];
  const certificate = testCertificate(() => names);
  const server = await started({ certificate: certificate.certificate });
  const shown = async (): Promise<string | undefined> => {
    const socket = bounded(
      connectTls({
        port: server.port,
        host: '127.0.0.1',
        ca: certificate.authority.toString(),
        servername: 'localhost',
      }),
    );
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().subjectaltname;
  };
  expect(await shown()).toContain('192.168.1.20');
  names = ['10.1.2.3'];
  expect(certificate.renew()).toBe(true);
  server.setCertificate(certificate.certificate);
  expect(await shown()).toContain('10.1.2.3');
});

it('refuses other machines a door without keys, or without TLS', async () => {
  const { model } = served();
  const open = { models: () => [model], port: 0, hostname: '0.0.0.0' };
  await expect(startHttpServer({ ...open, certificate: lan.certificate })).rejects.toMatchObject({
    code: 'USAGE',
  });
});

it.each([
  ['says nothing', () => ''],
  ['says nothing within TLS', () => '\x16'],
  ['drips the head of a request', () => endless],
  ['drips one for a WebSocket', () => upgrade],
])('lets go of who %s', async (_, text) => {
  const server = await started({ limits: quick });
  expect(await drip(plain(server), text())).toBeLessThan(4000);
  const next = plain(server);
  next.write(get);
  expect(await heard(next)).toMatch(/^HTTP\/1.1 200/);
});

it('lets go of who drips within TLS', async () => {
  const server = await started({ limits: quick });
  const socket = secure(server);
  await once(socket, 'secureConnect');
  expect(await drip(socket, upgrade)).toBeLessThan(4000);
});

it('lets go of who drips a body, and says what happened', async () => {
  const server = await started({ limits: quick });
  const socket = plain(server);
  const answer = heard(socket);
  socket.write('POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n');
  await drip(socket, 'x'.repeat(1000));
  expect(await answer).toMatch(/^HTTP\/1.1 408 [\s\S]*REQUEST_TIMEOUT/);
});

it.each([
  ['no HTTP', 'HELLO\r\n\r\n', /^HTTP\/1.1 400 [\s\S]*REQUEST_INVALID/],
  [
    'a head without end',
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1.1 431 [\s\S]*HEADERS_TOO_LARGE/,
  ],
  [
    'two lengths',
    'POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1.1 400 /,
  ],
  ['a foreign host for a WebSocket', handshake('attacker.example'), /^HTTP\/1.1 403 [\s\S]*HOST_NOT_ALLOWED/],
  [
    'a foreign page for a WebSocket',
    handshake('localhost', 'https://attacker.example'),
    /^HTTP\/1.1 403 [\s\S]*ORIGIN_NOT_ALLOWED/,
  ],
  [
    'a page of the same address and another port',
    handshake('192.168.1.20', 'http://192.168.1.20:3000'),
    /^HTTP\/1.1 403 [\s\S]*ORIGIN_NOT_ALLOWED/,
  ],
  [
    'a WebSocket elsewhere',
    handshake('localhost').replace('/ws/agent', '/v1/models'),
    /^HTTP\/1.1 404 [\s\S]*ROUTE_NOT_FOUND/,
  ],
])('refuses %s', async (_, text, answer) => {
  const socket = plain(await started());
  socket.write(text);
  expect(await heard(socket)).toMatch(answer);
});

function handshake(host: string, origin?: string): string {
  const from = origin === undefined ? '' : `Origin: ${origin}\r\n`;
  return `GET /ws/agent HTTP/1.1\r\nHost: ${host}\r\n${from}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
}

it('takes WebSockets with TLS and without, also of its own page', async () => {
  const { port } = await started();
  const urls = [`ws://127.0.0.1:${port}`, `wss://127.0.0.1:${port}`];
  for (const url of urls) {
    const origin = url.replace('ws', 'http');
    const socket = new WebSocket(`${url}/ws/agent`, { rejectUnauthorized: false, origin });
    onTestFinished(() => socket.terminate());
    await once(socket, 'message');
  }
});

it('holds no more connections than it should, and takes others when some are gone', async () => {
  const limits = { maxConnections: 5, maxConnectionsOfOne: 2, greetingTimeoutMs: 2_000 };
  const server = await started({ limits });
  const idle = Array.from({ length: 5 }, () => plain(server));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  await closed(plain(server));
  idle[0]!.destroy();
  await expect
    .poll(async () => {
      const socket = plain(server);
      socket.write(get);
      return heard(socket);
    })
    .toMatch(/^HTTP\/1.1 200/);
});

it('stays as large as it is, however much is sent at once', { timeout: 60_000 }, async () => {
  const server = await started();
  const before = process.memoryUsage.rss();
  const part = 'x'.repeat(1 << 20);
  const flood = Array.from({ length: 40 }, async () => {
    const socket = plain(server);
    socket.write('POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    const answer = heard(socket);
    for (let i = 0; i < 20 && !socket.destroyed; i += 1) {
      socket.write(`${part.length.toString(16)}\r\n${part}\r\n`);
      await sleep(5);
    }
    socket.end();
    return answer;
  });
  const answers = await Promise.all(flood);
  expect(answers.filter((text) => /^HTTP\/1.1 (413|503) |^$/.test(text))).toHaveLength(40);
  expect(process.memoryUsage.rss() - before).toBeLessThan(600 << 20);
});
