import type { Answer } from '../../coordinator/scheduler/answer.ts';
import { Scheduler, type SchedulerOptions } from '../../coordinator/scheduler/scheduler.ts';
import { generate } from '../../runtime/generation/generate.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import { bytesOf, byteVocabSize, byteVocabulary, FakeRunner } from '../generation/fixtures.ts';
import { hostMath } from '../sampling/fixtures.ts';

export function request(prompt: string, maxTokens: number, seed = 1): GenerationRequest {
  const sampling = samplingParams({ temperature: 1, seed }, byteVocabSize);
  return { prompt: bytesOf(prompt), sampling, stop: [], maxTokens };
}

export function schedulerOver(runner: FakeRunner, options: Partial<SchedulerOptions> = {}): Scheduler {
  return new Scheduler({ runner, vocabulary: byteVocabulary, math: hostMath, replayDelayMs: 0, ...options });
}

export async function textOf(answer: Answer): Promise<string> {
  let text = '';
  for await (const event of answer) text += event.text;
  return text;
}

/** What a request gets when it is alone: by the invariant, what it always gets. */
export async function textAlone(wanted: GenerationRequest): Promise<string> {
  let text = '';
  const options = { vocabulary: byteVocabulary, math: hostMath };
  for await (const event of generate(new FakeRunner({ maxSequences: 1 }), wanted, options))
    text += event.text;
  return text;
}
