import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtInPath } from '../../coordinator/files/model-folder.ts';
import { type Finished, HearthProcess } from '../support/hearth-process.ts';
import { FakeHub } from './fake-hub.ts';
import { PullBench } from './fixtures.ts';

const bench = new PullBench();
const model = readFileSync(builtInPath());
const certificate = fileURLToPath(new URL('fixtures/localhost.cert.pem', import.meta.url));
const tls = {
  cert: readFileSync(certificate, 'utf8'),
  key: readFileSync(new URL('fixtures/localhost.key.pem', import.meta.url), 'utf8'),
};
let server: FakeHub;
let url: URL;
beforeEach(async () => {
  server = await FakeHub.start('127.0.0.1', tls);
  server.files.set('ember.gguf', model);
  url = server.fileUrl('ember.gguf');
});
afterEach(() => server.close());

function pull(environment: Record<string, string> = { NODE_EXTRA_CA_CERTS: certificate }): Promise<Finished> {
  return new HearthProcess(['pull', url.href], { HEARTH_MODELS: bench.folder, ...environment }).finished();
}

it('a URL is pulled over HTTPS, and the user told that nothing vouches for its bytes', async () => {
  const { code, stdout, stderr } = await pull();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^ember: 4\.0 MB in .*, not checked: its source tells no SHA-256$/m);
  expect(readFileSync(join(bench.folder, 'ember.gguf')).equals(model)).toBe(true);
});

it('a server that nobody vouches for is not spoken to', async () => {
  const { code, stderr } = await pull({});
  expect(stderr).toMatch(/self-signed certificate.*PULL_FAILED/);
  expect(code).toBe(5);
  expect(server.seen).toEqual([]);
});

it('a redirect to plain HTTP is not followed', async () => {
  bench.hub.files.set('ember.gguf', model);
  server.misbehave = (_, response) => {
    response.writeHead(302, { location: bench.hub.fileUrl('ember.gguf').href }).end();
    return true;
  };
  const { code, stderr } = await pull();
  expect(stderr).toMatch(/redirects to http:, away from HTTPS.*PULL_REFUSED/);
  expect(code).toBe(5);
  expect(bench.hub.seen).toEqual([]);
});
