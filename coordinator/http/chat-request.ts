import { z } from 'zod';
import { samplingRanges } from '../../runtime/sampling/params.ts';
import { chatNoOps, messageNoOps, unsupportedField, withoutNoOps } from './no-op-fields.ts';
import { numberIn, sameOrOne, samplingFields } from './sampling-fields.ts';
import type { ChatMessage } from './served-model.ts';
import { fieldName, invalidField, validated } from './validate.ts';

const textParts = z.array(z.strictObject({ type: z.literal('text'), text: z.string() })).min(1);

const chatSchema = z.strictObject({
  ...samplingFields,
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['system', 'developer', 'user', 'assistant']),
        content: z.union([z.string(), textParts], { error: 'must be a string or a list of text parts' }),
        name: z.string().max(256).optional(),
      }),
    )
    .min(1),
  max_completion_tokens: samplingFields.max_tokens,
  logprobs: z.boolean().optional(),
  top_logprobs: numberIn(samplingRanges.topLogprobs).optional(),
});

export type ChatBody = z.infer<typeof chatSchema>;

/** @throws HearthError REQUEST_INVALID or REQUEST_UNSUPPORTED_FIELD, naming the field */
export function parseChatBody(body: Readonly<Record<string, unknown>>): ChatBody {
  const meaningful = withoutNoOps(body, chatNoOps);
  if (Array.isArray(meaningful.messages)) meaningful.messages = meaningful.messages.map(meaningfulMessage);
  const chat = validated(chatSchema, meaningful);
  if (chat.top_logprobs !== undefined && !chat.logprobs) {
    throw invalidField('top_logprobs', 'top_logprobs needs logprobs: true');
  }
  return chat;
}

/** Drops no-ops, and names roles and content parts that are not supported before the schema calls them malformed. */
function meaningfulMessage(message: unknown, index: number): unknown {
  if (!isRecord(message)) return message;
  const path = fieldName(['messages', index]);
  if (message.role === 'tool' || message.role === 'function') {
    throw unsupportedField(`${path}.role`, `: there are no tools, so no "${message.role}" messages`);
  }
  const parts = Array.isArray(message.content) ? message.content : [];
  parts.forEach((part, place) => {
    if (!isRecord(part) || typeof part.type !== 'string' || part.type === 'text') return;
    throw unsupportedField(`${path}.content[${place}].type`, `: the model reads text, not "${part.type}"`);
  });
  return withoutNoOps(message, messageNoOps, `${path}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the chat template gets. */
export function chatMessages(chat: ChatBody): ChatMessage[] {
  return chat.messages.map(({ role, content, name }) => ({
    // OpenAI's later name for the same thing, which templates do not know.
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join('\n'),
    ...(name === undefined ? {} : { name }),
  }));
}

/** @throws HearthError REQUEST_INVALID if both names of the limit are given and differ */
export function chatMaxTokens(chat: ChatBody): number | undefined {
  return sameOrOne(chat, 'max_completion_tokens', 'max_tokens');
}
