import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { answer } from './answer.ts';
import { BrowserBench } from './browser-bench.ts';

const modelFile = new URL('../../models/hearth-ember.gguf', import.meta.url);
const prompt = '<|im_start|>user\nHow do I use my old laptop too?<|im_end|>\n<|im_start|>assistant\n';

const bench = new BrowserBench();
let server: Server;

beforeAll(async () => {
  server = await serve();
  bench.port = `${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

test('the runtime alone answers in Chromium with the bits that it gives in Node', async () => {
  const model = new Uint8Array(readFileSync(modelFile));
  const inNode = await answer(model, kernelBytes, prompt);
  expect(inNode.tokens.length).toBeGreaterThan(5);

  const page = await bench.newPage(await bench.newContext());
  await page.goto(`http://127.0.0.1:${bench.port}/`);
  const inPage = await page.evaluate(`answerFromServer(${JSON.stringify(prompt)})`);
  expect(inPage).toEqual(inNode);
});

/** The page, the bundled runtime and what it fetches, on loopback. */
async function serve(): Promise<Server> {
  const bundle = await esbuild.build({
    entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    write: false,
  });
  const files: Record<string, [type: string, body: string | Uint8Array]> = {
    '/': ['text/html', '<!doctype html><title>Hearth</title><script src="/bundle.js"></script>'],
    '/bundle.js': ['text/javascript', bundle.outputFiles[0]!.contents],
    '/model.gguf': ['application/octet-stream', readFileSync(modelFile)],
    '/relaxed.wasm': ['application/wasm', kernelBytes.relaxed],
    '/baseline.wasm': ['application/wasm', kernelBytes.baseline],
  };
  const listening = createServer((request, response) => {
    const [type, body] = files[request.url ?? ''] ?? ['text/plain', ''];
    response.writeHead(request.url! in files ? 200 : 404, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return listening;
}
