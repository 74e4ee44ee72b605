import { randomInt } from 'node:crypto';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import type { Asked, Asking } from '../conversations/answer-run.ts';
import { chatGenerations } from './chat-generation.ts';
import { parseChatBody } from './chat-request.ts';
import { type ServedModel, servedModel } from './served-model.ts';

/** A seed for a request that brings none. */
export const randomSeed = (): number => randomInt(2 ** 47);

/** Has conversations answered as a chat completion of the same messages and fields would be. */
export function askChat(models: () => readonly ServedModel[]): Asking {
  const submit = (model: ServedModel, request: GenerationRequest, tokens: readonly number[]): Asked => {
    const answer = model.scheduler.submit(request, undefined, tokens);
    const { id, devices = () => [], notExact } = model;
    return { answer, request, model: id, devices, notExact };
  };
  return {
    ask: async ({ messages, settings: { system, ...fields }, begun }) => {
      const instructions = system ? [{ role: 'system', content: system }] : [];
      const said = messages.map(({ role, text }) => ({ role, content: text }));
      const chat = parseChatBody({ ...fields, messages: [...instructions, ...said] });
      const model = servedModel(models());
      const [request] = await chatGenerations(chat, model, { randomSeed }, begun);
      return submit(model, request!, []);
    },
    takeUp: ({ model: name, request, tokens }) => {
      const model = servedModel(models(), name);
      const { vocabSize } = model.scheduler.limits;
      return submit(model, { ...request, sampling: samplingParams(request.sampling, vocabSize) }, tokens);
    },
  };
}
