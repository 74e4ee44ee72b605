import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { markTokens } from './encode-chat.ts';
import { type ChatTemplate, findChatTemplate } from './fallback-template.ts';
import type { ChatMessage } from './render-chat.ts';
import { TemplateRenderer } from './template-renderer.ts';

export interface ChatInput {
  readonly messages: readonly ChatMessage[];
  /** End with the opening of the assistant's turn. */
  readonly addGenerationPrompt: boolean;
}

/** How one model's conversations become text: its own template, or the likeliest stand-in, in a killable thread. */
export class ModelChat {
  readonly #template: ChatTemplate;
  readonly #marks: { bosToken: string; eosToken: string };
  readonly #renderer = new TemplateRenderer();

  constructor(tokenizer: Tokenizer) {
    this.#template = findChatTemplate(tokenizer);
    this.#marks = markTokens(tokenizer);
  }

  /** Text at which an answer ends although the model has no token for it. */
  get stops(): readonly string[] {
    return this.#template.stops;
  }

  /** @throws HearthError TEMPLATE_FAILED, TEMPLATE_TIMEOUT */
  render(input: ChatInput): Promise<string> {
    return this.#renderer.render(this.#template.source, { ...input, ...this.#marks, nowMs: Date.now() });
  }

  close(): Promise<void> {
    return this.#renderer.close();
  }
}
