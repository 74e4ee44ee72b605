import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AgentServer } from '../../coordinator/cluster/agent-server.ts';
import { startHttpServer } from '../../coordinator/http/server.ts';
import { testPairing } from '../cluster/test-cluster.ts';
import { Random } from '../support/random.ts';
import { testCertificate } from './every-route.ts';
import { served } from './fixtures.ts';

const body = '{"content":"abc","with_pieces":true}';
const seeds = [
  'GET /health HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n',
  `POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  `POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n${body}\r\n0\r\n\r\n`,
  'GET /ws/agent HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x82\x05hello',
  // A TLS record that announces a hello of the client.
  `\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03${'r'.repeat(32)}\x00\x00\x02\x13\x01\x01\x00`,
].map((text) => Buffer.from(text, 'latin1'));

/** One of the seeds, with a few bytes that are other ones, gone, repeated, or in another place. */
function mutated(random: Random): Buffer {
  let bytes: Buffer = seeds[random.integer(seeds.length)]!;
  for (let changes = 1 + random.integer(4); changes > 0 && bytes.length > 1; changes -= 1) {
    const at = random.integer(bytes.length);
    const length = 1 + random.integer(12);
    const [before, piece, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ];
    const noise = Buffer.from(Array.from({ length: 1 + random.integer(4) }, () => random.integer(256)));
    bytes = Buffer.concat(
      [
        [before, noise, after],
        [before, after],
        [before, piece, piece, piece, after],
        [after, before, noise],
      ][random.integer(4)]!,
    );
  }
  return bytes;
}

/** What the server says until it closes, or is left. */
function told(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    let text = '';
    socket.setTimeout(1500, () => socket.destroy());
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('error', () => {});
    socket.once('close', () => resolve(text));
  });
}

it('survives what is nearly a request: nothing breaks, nothing is the server’s fault', {
  timeout: 120_000,
}, async () => {
  const { model } = served();
  const errors: unknown[] = [];
  const limits = { headersTimeoutMs: 1000, requestTimeoutMs: 1000, greetingTimeoutMs: 1000 };
  const { certificate } = testCertificate();
  const onError = (error: unknown): void => void errors.push(error);
  const server = await startHttpServer({ models: () => [model], port: 0, certificate, limits, onError });
  const agents = new AgentServer({ pairing: testPairing(), onMember: () => {}, handshakeTimeoutMs: 300 });
  agents.attach(server.server);
  onTestFinished(async () => {
    agents.close();
    await server.close();
  });
  const random = new Random(20);
  const statuses = new Map<string, number>();
  for (let round = 0; round < 10; round += 1) {
    const answers = await Promise.all(Array.from({ length: 25 }, () => told(server.port, mutated(random))));
    for (const answer of answers) {
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'none';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }
  expect(errors).toEqual([]);
  expect(statuses.has('500')).toBe(false);
  // They are neither all refused nor all taken.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining(['200', '400', 'none']));
  expect(await told(server.port, seeds[0]!)).toMatch(/^HTTP\/1.1 200/);
});
