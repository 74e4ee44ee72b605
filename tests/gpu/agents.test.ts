import type { Page } from 'playwright-core';
import { expect, it, type TestContext } from 'vitest';
import { nodeGpuEntry } from '../../device-agent/node/open-gpu.ts';
import { JoinBench } from '../browser/join-bench.ts';
import { webGpuOrReason } from './webgpu-package.ts';

/** SwiftShader: a GPU in software, which only who asks for it uses. */
const bench = new JoinBench('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
/** Software compiles slowly, beside other tests more so. */
const patience = { timeout: 120_000 };
const testMs = 400_000;
const answerTokens = 8;
/** Five of attention and five of FFN in each of six layers, which are lent whole to the GPU of a device by itself. */
const allTiles = 60;

const gpuTilesOf = async (name: string) => (await bench.device(name))?.memory?.gpuTiles;

async function metric(name: string): Promise<number> {
  const text = await (await bench.fetch('/metrics')).text();
  return Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1]);
}

function skip(context: TestContext, reason: string): never {
  console.log(`skipped: ${context.task.name}: ${reason}`);
  return context.skip(reason);
}

/** Changes how the tab uses its GPU, which has it join anew. */
async function useGpu(page: Page, use: string): Promise<void> {
  if (!(await page.getByLabel('GPU').isVisible())) await page.getByText('Settings').click();
  await page.getByLabel('GPU').selectOption(use);
}

it(
  'a tab computes with a GPU the bits that it computes without, also when that dies',
  async () => {
    await bench.serve(await bench.endlessModel());
    const page = await bench.tab(await bench.context({ name: 'tab', gpu: 'off' }), 'localhost');
    await bench.coordinator.says(/Ready/);
    const alone = await bench.tokens(answerTokens);
    expect(alone.length).toBe(answerTokens);
    expect(await gpuTilesOf('tab')).toBe(0);

    await useGpu(page, 'always');
    await expect.poll(() => gpuTilesOf('tab'), patience).toBe(allTiles);
    await page.getByText(new RegExp(`swiftshader.*: ${allTiles} tiles`, 'i')).waitFor(patience);
    expect(await metric('hearth_device_gpu_tiles')).toBe(allTiles);
    expect(await bench.tokens(answerTokens)).toEqual(alone);

    let killed = Promise.resolve();
    const answer = await bench.tokens(answerTokens, (soFar) => {
      if (soFar === 3) killed = bench.killGpu();
    });
    await killed;
    expect(answer).toEqual(alone);
    const afterwards = async () => {
      expect(await bench.tokens(answerTokens)).toEqual(alone);
      return gpuTilesOf('tab');
    };
    await expect.poll(afterwards, patience).toBe(0);
  },
  testMs,
);

it(
  'a tab leaves alone what would save no time',
  async () => {
    await bench.serve();
    const page = await bench.tab(await bench.context({ name: 'tab' }), 'localhost');
    await bench.coordinator.says(/Ready/);
    expect(await gpuTilesOf('tab')).toBe(0);
    // Software is no GPU, if nobody insists.
    await page.getByText('This browser has none for pages').waitFor(patience);
    expect((await bench.device('tab'))?.profile).not.toHaveProperty('gpu');
  },
  testMs,
);

it(
  'an agent computes with a GPU the bits that it computes without',
  async (context) => {
    const webGpu = webGpuOrReason();
    if ('reason' in webGpu) skip(context, webGpu.reason);
    await bench.serve(await bench.endlessModel());
    const plain = bench.agent('plain', ['--gpu', 'off']);
    await bench.coordinator.says(/Ready/);
    const alone = await bench.tokens(answerTokens);
    await plain.kill('SIGTERM');
    await expect.poll(() => bench.devices(), patience).toEqual([]);

    const agent = bench.agent('with GPU', ['--gpu', 'always'], webGpu.environment);
    await expect.poll(() => gpuTilesOf('with GPU'), patience).toBe(allTiles);
    expect(await bench.tokens(answerTokens)).toEqual(alone);
    // And ends when it is told to.
    expect((await agent.kill('SIGTERM')).code).toBe(0);
  },
  testMs,
);

it(
  'an agent that is to have a GPU says what is missing',
  async (context) => {
    if (await nodeGpuEntry()) skip(context, 'the package webgpu is installed');
    await bench.serve();
    const { code, stderr } = await bench.agent('agent', ['--gpu', 'always']).finished();
    expect(stderr).toContain('npm install --no-save webgpu');
    expect(code).toBe(2);
  },
  testMs,
);
