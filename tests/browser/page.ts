import { answer } from './answer.ts';

/** What the test calls in the page. */
async function answerFromServer(prompt: string) {
  const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const kernels = { relaxed: await bytes('/relaxed.wasm'), baseline: await bytes('/baseline.wasm') };
  return answer(await bytes('/model.gguf'), kernels, prompt);
}

Object.assign(globalThis, { answerFromServer });
