import { randomUUID } from 'node:crypto';
import { Choices } from './choices.ts';
import { clientGone } from './client-gone.ts';
import {
  type CompletionBody,
  type CompletionPrompt,
  completionPrompts,
  parseCompletionBody,
} from './completion-request.ts';
import type { ApiContext } from './context.ts';
import { generationRequests } from './generation-input.ts';
import { completionLogprobs } from './logprobs-format.ts';
import { type ServedModel, servedModel } from './served-model.ts';
import { sseResponse } from './sse.ts';
import { exactnessOf, timingsOf, usageOf } from './usage.ts';

/** POST /v1/completions */
export async function completionRoute(request: Request, context: ApiContext): Promise<Response> {
  const body = parseCompletionBody(await context.bodies.read(request));
  const model = servedModel(context.models(), body.model);
  const prompts = completionPrompts(model.tokenizer, body.prompt);
  const gone = clientGone(request);
  const input = {
    prompts: prompts.map(({ tokens }) => tokens),
    body,
    stops: [],
    maxTokens: body.max_tokens,
    topLogprobs: body.logprobs,
  };
  const choices = new Choices(model.scheduler, generationRequests(input, model, context), gone.signal);
  const answer = new CompletionAnswer(model, body, prompts, choices, context.nowSeconds());
  if (!body.stream) return Response.json(await answer.whole());
  return sseResponse(answer.chunks(), { ...context, onGone: () => gone.abort() });
}

/** Puts the answers to one request into OpenAI's shapes. */
class CompletionAnswer {
  private readonly id = `cmpl-${randomUUID()}`;
  private readonly model: ServedModel;
  private readonly body: CompletionBody;
  private readonly choices: Choices;
  private readonly created: number;
  private readonly choicesPerPrompt: number;
  /** What each choice's text begins with. */
  private readonly echoes: readonly string[];

  constructor(
    model: ServedModel,
    body: CompletionBody,
    prompts: readonly CompletionPrompt[],
    choices: Choices,
    created: number,
  ) {
    this.model = model;
    this.body = body;
    this.choices = choices;
    this.created = created;
    this.choicesPerPrompt = choices.answers.length / prompts.length;
    this.echoes = choices.answers.map((_, index) => {
      const prompt = prompts[Math.floor(index / this.choicesPerPrompt)]!;
      return body.echo ? prompt.text : '';
    });
  }

  async whole(): Promise<object> {
    const finished = await this.choices.finished();
    const { answers } = this.choices;
    const wantsLogprobs = this.body.logprobs !== undefined;
    return {
      ...this.head(),
      choices: finished.map(({ text, logprobs, finished: finish_reason }, index) => ({
        index,
        text: this.echoes[index] + text,
        logprobs: wantsLogprobs ? completionLogprobs(this.model.tokenizer, logprobs) : null,
        finish_reason,
      })),
      usage: usageOf(answers, this.choicesPerPrompt),
      ...(answers.length === 1 ? { timings: timingsOf(answers[0]!) } : {}),
      ...exactnessOf(this.model),
    };
  }

  async *chunks(): AsyncGenerator<object> {
    const { answers } = this.choices;
    const includeUsage = this.body.stream_options?.include_usage ?? false;
    const head = { ...this.head(), ...(includeUsage ? { usage: null } : {}) };
    for (const [index, text] of this.echoes.entries()) {
      if (text !== '') yield { ...head, choices: [{ index, text, logprobs: null, finish_reason: null }] };
    }
    for await (const { index, event } of this.choices.events()) {
      const { text, logprobs: entries, finished } = event;
      if (text !== '' || entries.length > 0) {
        const wanted = this.body.logprobs !== undefined;
        const logprobs = wanted ? completionLogprobs(this.model.tokenizer, entries) : null;
        yield { ...head, choices: [{ index, text, logprobs, finish_reason: null }] };
      }
      if (!finished) continue;
      const choice = { index, text: '', logprobs: null, finish_reason: finished };
      yield { ...head, choices: [choice], timings: timingsOf(answers[index]!), ...exactnessOf(this.model) };
    }
    if (includeUsage) yield { ...head, choices: [], usage: usageOf(answers, this.choicesPerPrompt) };
  }

  private head(): object {
    return { id: this.id, object: 'text_completion', created: this.created, model: this.model.id };
  }
}
