import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { JsonBodies } from '../../coordinator/http/json-bodies.ts';
import { type HttpServer, startHttpServer } from '../../coordinator/http/server.ts';
import { FakeRunner } from '../generation/fixtures.ts';
import { served, testKeys } from './fixtures.ts';

const models = (): [] => [];

/** Sends raw bytes and gives what comes back until the server closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(5000, () => socket.destroy());
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

describe('startHttpServer', () => {
  it('refuses to be reachable from other machines without a key', async () => {
    for (const hostname of ['0.0.0.0', '::', '192.168.1.2', 'den.local']) {
      await expect(startHttpServer({ models, hostname, port: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    }
  });

  it('says that a port is taken', async () => {
    await using server = await started();
    await expect(startHttpServer({ models, port: server.port })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      fields: { reason: 'EADDRINUSE' },
    });
  });

  it('reads the real Host header', async () => {
    await using server = await started();
    const get = (host: string): string =>
      `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    expect(await raw(server.port, get('localhost'))).toMatch(/^HTTP\/1.1 200 /);
    expect(await raw(server.port, get('attacker.example'))).toMatch(/^HTTP\/1.1 403 [\s\S]*HOST_NOT_ALLOWED/);
    // A target with a host of its own does not replace the header.
    const absolute = get('attacker.example').replace('/health', 'http://localhost/health');
    expect(await raw(server.port, absolute)).toMatch(/^HTTP\/1.1 40[03] /);
    expect(await raw(server.port, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400 /,
    );
  });

  it('takes a body in chunks, and no more than the limit of it', async () => {
    await using server = await started({ bodies: new JsonBodies({ maxBytes: 1000 }) });
    const head =
      'POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
    expect(await raw(server.port, `${head}11\r\n{"content":"abc"}\r\n0\r\n\r\n`)).toContain(
      '{"tokens":[97,98,99]}',
    );
    const large = `{"content":"${'x'.repeat(2000)}"}`;
    const answer = await raw(server.port, `${head}${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*REQUEST_TOO_LARGE/);
  });
});

it('lets go of who is thrown out in the middle of an answer, and of nobody else', async () => {
  const keys = testKeys('sesame');
  const { model } = served(new FakeRunner({ beforeStep: () => sleep(20), contextLength: 4096 }));
  await using server = await started({ keys, models: () => [model] });
  const ask = async (key: string) => {
    const body = JSON.stringify({ prompt: 'a', max_tokens: 150, stream: true });
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${server.url}/v1/completions`, { method: 'POST', headers, body });
    return response.text().catch(() => 'cut off');
  };
  const guest = ask(keys.add('guest', 'chat'));
  const owner = ask('sesame');
  await sleep(200);
  keys.remove('guest');
  expect(await guest).toBe('cut off');
  expect(await owner).toMatch(/\[DONE\]\n\n$/);
  await model.scheduler.close();
});

async function started(options: object = {}): Promise<HttpServer & AsyncDisposable> {
  const { model } = served();
  const server = await startHttpServer({ models: () => [model], port: 0, ...options });
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}
