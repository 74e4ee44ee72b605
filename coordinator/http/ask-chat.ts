import { randomInt } from 'node:crypto';
import type { Ask } from '../conversations/answer-run.ts';
import { chatGenerations } from './chat-generation.ts';
import { parseChatBody } from './chat-request.ts';
import { type ServedModel, servedModel } from './served-model.ts';

/** A seed for a request that brings none. */
export const randomSeed = (): number => randomInt(2 ** 47);

/** Has conversations answered as a chat completion of the same messages and fields would be. */
export function askChat(models: () => readonly ServedModel[]): Ask {
  return async ({ messages, settings: { system, ...fields }, begun }) => {
    const instructions = system ? [{ role: 'system', content: system }] : [];
    const said = messages.map(({ role, text }) => ({ role, content: text }));
    const chat = parseChatBody({ ...fields, messages: [...instructions, ...said] });
    const model = servedModel(models());
    const [request] = await chatGenerations(chat, model, { randomSeed }, begun);
    const devices = model.devices ?? (() => []);
    return { answer: model.scheduler.submit(request!), model: model.id, devices };
  };
}
