// The thread that runs chat templates: it may loop for ever or run out of memory without harm to anyone else.
import { parentPort } from 'node:worker_threads';
import { MAX_TEXT_UNITS } from '../../runtime/tokenizer/tokenizer.ts';
import { type ChatVariables, renderChat } from './render-chat.ts';

export interface TemplateRequest {
  readonly template: string;
  readonly variables: ChatVariables;
}

export type TemplateReply = { readonly text: string } | { readonly failure: string };

function answer({ template, variables }: TemplateRequest): TemplateReply {
  try {
    const text = renderChat(template, variables);
    if (text.length <= MAX_TEXT_UNITS) return { text };
    return { failure: `its output has ${text.length} characters; ${MAX_TEXT_UNITS} are allowed` };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

const port = parentPort!;
port.on('message', (request: TemplateRequest) => port.postMessage(answer(request)));
// The time limit of the first request must not include the loading of this file.
port.postMessage('ready');
