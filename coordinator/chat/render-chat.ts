import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { templateGlobals } from './template-globals.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** As an OpenAI client sends it: tool calls, names and whatever else the template may look at come along. */
export interface ChatMessage {
  readonly role: string;
  readonly [field: string]: Json | undefined;
}

/** What a template gets to see, by Hugging Face's conventions. */
export interface ChatVariables {
  readonly messages: readonly ChatMessage[];
  /** End with the opening of the assistant's turn. */
  readonly addGenerationPrompt: boolean;
  readonly bosToken: string;
  readonly eosToken: string;
  readonly tools?: readonly Json[] | undefined;
  /** What the template takes for the present, in milliseconds since 1970: some write the date into the prompt. */
  readonly nowMs: number;
  /** Switches that only some templates know, such as `enable_thinking`. */
  readonly extra?: Readonly<Record<string, Json>> | undefined;
}

/**
 * Runs a chat template in this thread, where nothing can stop it: only for templates that are trusted. All others
 * go through a TemplateRenderer.
 *
 * @throws Error whatever the template raises, or what is wrong with it
 */
export function renderChat(template: string, variables: ChatVariables): string {
  // The options of transformers' own Jinja environment.
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  const environment = new Environment();
  const values = {
    ...variables.extra,
    ...templateGlobals(variables.nowMs),
    messages: variables.messages,
    add_generation_prompt: variables.addGenerationPrompt,
    bos_token: variables.bosToken,
    eos_token: variables.eosToken,
    tools: variables.tools ?? null,
  };
  for (const [name, value] of Object.entries(values)) environment.set(name, value);
  return String(new Interpreter(environment).run(program).value);
}
