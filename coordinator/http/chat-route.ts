import { randomUUID } from 'node:crypto';
import { chatGenerations } from './chat-generation.ts';
import { type ChatBody, parseChatBody } from './chat-request.ts';
import { Choices } from './choices.ts';
import { clientGone } from './client-gone.ts';
import type { ApiContext } from './context.ts';
import { chatLogprobs } from './logprobs-format.ts';
import { type ServedModel, servedModel } from './served-model.ts';
import { sseResponse } from './sse.ts';
import { exactnessOf, timingsOf, usageOf } from './usage.ts';

/** POST /v1/chat/completions */
export async function chatRoute(request: Request, context: ApiContext): Promise<Response> {
  const chat = parseChatBody(await context.bodies.read(request));
  const model = servedModel(context.models(), chat.model);
  const gone = clientGone(request);
  const choices = new Choices(model.scheduler, await chatGenerations(chat, model, context), gone.signal);
  const answer = new ChatAnswer(model, chat, choices, context.nowSeconds());
  if (!chat.stream) return Response.json(await answer.whole());
  return sseResponse(answer.chunks(), { ...context, onGone: () => gone.abort() });
}

/** Puts the answers to one request into OpenAI's shapes. */
class ChatAnswer {
  private readonly id = `chatcmpl-${randomUUID()}`;
  private readonly model: ServedModel;
  private readonly chat: ChatBody;
  private readonly choices: Choices;
  private readonly created: number;

  constructor(model: ServedModel, chat: ChatBody, choices: Choices, created: number) {
    this.model = model;
    this.chat = chat;
    this.choices = choices;
    this.created = created;
  }

  async whole(): Promise<object> {
    const finished = await this.choices.finished();
    const { answers } = this.choices;
    return {
      ...this.head('chat.completion'),
      choices: finished.map(({ text, logprobs, finished: finish_reason }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: this.chat.logprobs ? chatLogprobs(this.model.tokenizer, logprobs) : null,
        finish_reason,
      })),
      usage: usageOf(answers, answers.length),
      ...(answers.length === 1 ? { timings: timingsOf(answers[0]!) } : {}),
      ...exactnessOf(this.model),
    };
  }

  async *chunks(): AsyncGenerator<object> {
    const { answers } = this.choices;
    const includeUsage = this.chat.stream_options?.include_usage ?? false;
    const head = { ...this.head('chat.completion.chunk'), ...(includeUsage ? { usage: null } : {}) };
    for (const index of answers.keys()) {
      yield { ...head, choices: [chunkChoice(index, { role: 'assistant', content: '' })] };
    }
    for await (const { index, event } of this.choices.events()) {
      const { text, logprobs, finished } = event;
      if (text !== '' || logprobs.length > 0) {
        const shown = this.chat.logprobs ? chatLogprobs(this.model.tokenizer, logprobs) : null;
        yield { ...head, choices: [{ ...chunkChoice(index, { content: text }), logprobs: shown }] };
      }
      if (!finished) continue;
      const choice = { ...chunkChoice(index, {}), finish_reason: finished };
      yield { ...head, choices: [choice], timings: timingsOf(answers[index]!), ...exactnessOf(this.model) };
    }
    if (includeUsage) yield { ...head, choices: [], usage: usageOf(answers, answers.length) };
  }

  private head(object: string): object {
    return { id: this.id, object, created: this.created, model: this.model.id };
  }
}

function chunkChoice(index: number, delta: object): object {
  return { index, delta, logprobs: null, finish_reason: null };
}
