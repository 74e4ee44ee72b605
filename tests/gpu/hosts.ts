import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { afterAll, describe, test } from 'vitest';
import { nodeGpuEntry } from '../../device-agent/node/open-gpu.ts';
import { chromiumOrReason, launch } from '../browser/chromium.ts';
import { GpuDesk } from './gpu-desk.ts';
import type { Operations } from './operations.ts';

type Job<Name extends keyof Operations> = Parameters<Operations[Name]>[1];
type Result<Name extends keyof Operations> = Awaited<ReturnType<Operations[Name]>>;

/** SwiftShader compiles slowly, for a minute where much else runs. */
const compilingMs = 300_000;

/** Where there is a GPU that computes what tests ask for. */
export interface GpuHost {
  readonly name: string;
  /** @param packedDots false: as where WGSL has no dot product of bytes */
  run<Name extends keyof Operations>(
    name: Name,
    job?: Job<Name>,
    packedDots?: boolean,
  ): Promise<Result<Name>>;
  close(): Promise<void>;
}

/** SwiftShader, a GPU in software, in Chromium. */
export async function chromiumHost(): Promise<GpuHost | { readonly reason: string }> {
  const chromium = chromiumOrReason();
  if ('reason' in chromium) return chromium;
  const bundle = await esbuild.build({
    entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    write: false,
  });
  const script = bundle.outputFiles[0]!.text;
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    response.end(isScript ? script : '<!doctype html><title>GPU</title><script src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launch(chromium.path, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    name: 'Chromium',
    run: (name, job, packedDots = true) =>
      page.evaluate(([name, job, packedDots]) => window.runOnGpu(name, job, packedDots), [
        name,
        job,
        packedDots,
      ] as const) as Promise<never>,
    async close() {
      await browser.close();
      server.close();
    },
  };
}

/** Whatever Dawn finds for Node, where the package `webgpu` is installed; in software or not. */
export async function nodeHost(): Promise<GpuHost | { readonly reason: string }> {
  const entry = await nodeGpuEntry();
  if (!entry) return { reason: 'the package webgpu is not installed' };
  let desk: GpuDesk | undefined = new GpuDesk(entry);
  if (!(await desk.gpu(true))) return { reason: 'there is no Vulkan driver for Node' };
  return {
    name: 'Node',
    run: (name, job, packedDots = true) => desk!.run(name, job, packedDots) as Promise<never>,
    // The process ends only when nobody has what was created any longer.
    async close() {
      await desk!.close();
      desk = undefined;
    },
  };
}

/** Runs a suite wherever there is a GPU; where there is none it is skipped, with the reasons. */
export async function describeOnGpus(title: string, suite: (host: GpuHost) => void): Promise<void> {
  const found = await Promise.all([chromiumHost(), nodeHost()]);
  for (const host of found) {
    if ('reason' in host) {
      console.log(`skipped: ${title}: ${host.reason}`);
      test.skip(`${title}: ${host.reason}`);
      continue;
    }
    describe(`${title} in ${host.name}`, { timeout: compilingMs }, () => {
      afterAll(() => host.close());
      suite(host);
    });
  }
}
