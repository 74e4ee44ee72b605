import { HearthError } from '../../runtime/error.ts';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';

/** A message as the chat template sees it. A type, not an interface: templates take any record of JSON values. */
export type ChatMessage = {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  readonly name?: string;
};

/** The model's chat template. */
export interface ChatRenderer {
  /** Text at which an answer ends although the model has no token for it. */
  readonly stops: readonly string[];
  /** @throws HearthError TEMPLATE_FAILED or TEMPLATE_TIMEOUT */
  render(input: {
    readonly messages: readonly ChatMessage[];
    readonly addGenerationPrompt: boolean;
  }): Promise<string>;
}

/** One model that the API offers, with all that answers its requests. */
export interface ServedModel {
  /** What requests call it. */
  readonly id: string;
  /** When it was loaded, in seconds since 1970. */
  readonly createdSeconds: number;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatRenderer;
  readonly scheduler: Scheduler;
  /** Names of those that compute at present. */
  readonly devices?: () => readonly string[];
  /** Why its answers are not exact; undefined where they are. */
  readonly notExact?: string | undefined;
}

/**
 * The model that a request names; the first one if it names none.
 * @throws HearthError SERVER_LOADING while there is none at all; MODEL_NOT_FOUND
 */
export function servedModel(models: readonly ServedModel[], name = ''): ServedModel {
  const first = models[0];
  if (!first) {
    throw new HearthError('SERVER_LOADING', 'the model is still loading; try again in a moment', {
      retryAfterSeconds: 1,
    });
  }
  const model = name === '' ? first : models.find(({ id }) => id === name);
  if (model) return model;
  const known = models.map(({ id }) => id).join(', ');
  throw new HearthError('MODEL_NOT_FOUND', `there is no model "${name}" here; there is: ${known}`, {
    field: 'model',
    model: name,
  });
}
