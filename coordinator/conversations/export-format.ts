import { z } from 'zod';
import { validated } from '../http/validate.ts';
import { type Conversation, conversationLimits, conversationSchema } from './conversation.ts';

const format = 'hearth-conversations';
const version = 1;

const exportSchema = z.strictObject({
  format: z.literal(format, { error: `must be "${format}": this is no export of conversations` }),
  version: z.literal(version, { error: `must be ${version}: this export was written by another version` }),
  conversations: z.array(conversationSchema).max(conversationLimits.conversations),
});

/** @throws HearthError REQUEST_INVALID or REQUEST_UNSUPPORTED_FIELD, naming the field */
export function parseExport(value: unknown): Conversation[] {
  return validated(exportSchema, value).conversations;
}

/** An export piece by piece, as JSON: however many there are, one at a time is in memory. */
export async function* exportText(conversations: AsyncIterable<Conversation>): AsyncGenerator<string> {
  yield `{"format":"${format}","version":${version},"conversations":[`;
  let separator = '\n';
  for await (const conversation of conversations) {
    yield separator + JSON.stringify(conversation);
    separator = ',\n';
  }
  yield '\n]}\n';
}
