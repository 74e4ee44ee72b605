import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { encodeChat } from '../chat/encode-chat.ts';
import { type ChatBody, chatMaxTokens, chatMessages } from './chat-request.ts';
import type { ApiContext } from './context.ts';
import { generationRequests } from './generation-input.ts';
import type { ServedModel } from './served-model.ts';

/**
 * What a chat asks of a model: one request for each choice.
 * @param begun text of the answer that is there already
 * @throws HearthError TEMPLATE_FAILED, TEMPLATE_TIMEOUT, REQUEST_TOO_LARGE; REQUEST_INVALID naming the field
 */
export async function chatGenerations(
  chat: ChatBody,
  model: ServedModel,
  context: Pick<ApiContext, 'randomSeed'>,
  begun = '',
): Promise<GenerationRequest[]> {
  const rendered = await model.chat.render({ messages: chatMessages(chat), addGenerationPrompt: true });
  const input = {
    prompts: [encodeChat(model.tokenizer, rendered + begun)],
    body: chat,
    stops: model.chat.stops,
    maxTokens: chatMaxTokens(chat),
    topLogprobs: chat.logprobs ? (chat.top_logprobs ?? 0) : undefined,
  };
  return generationRequests(input, model, context);
}
