import { z } from 'zod';
import { samplingFields } from '../http/sampling-fields.ts';

/** What conversations may take; a home's worth, and far below what memory and disk have. */
export const conversationLimits = {
  conversations: 10_000,
  messages: 5_000,
  /** UTF-16 units of one message. */
  textLength: 1_000_000,
  titleLength: 200,
  /** Of one file, and of all that an import brings. */
  fileBytes: 64 * 1024 * 1024,
} as const;

const id = z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -');
const timeMs = z.int().min(0);
const count = z.int().min(0);
const name = z.string().max(256);
const text = z.string().max(conversationLimits.textLength);

/** How a conversation's answers are made: a system prompt, and the fields of a chat request. Absent ones have its defaults. */
export const settingsSchema = z.strictObject({
  system: text.optional(),
  temperature: samplingFields.temperature,
  top_k: samplingFields.top_k,
  top_p: samplingFields.top_p,
  min_p: samplingFields.min_p,
  repetition_penalty: samplingFields.repetition_penalty,
  repeat_last_n: samplingFields.repeat_last_n,
  presence_penalty: samplingFields.presence_penalty,
  frequency_penalty: samplingFields.frequency_penalty,
  max_tokens: samplingFields.max_tokens,
  seed: samplingFields.seed,
  stop: samplingFields.stop,
});

/** Larger than anything that is measured. */
const measured = z.number().min(0).max(1e12);

/** How an answer came to be. */
const answerSchema = z.strictObject({
  /** `interrupted`: the coordinator ended; `stopped`: a person did not want more. */
  state: z.enum(['answering', 'done', 'stopped', 'interrupted', 'failed']),
  /** Of one that is done: as in a chat completion. */
  finish: z.enum(['stop', 'length']).optional(),
  /** Of one that failed. */
  error: z.strictObject({ code: name, message: z.string().max(10_000) }).optional(),
  model: name,
  /** Names of all that took part. */
  devices: z.array(name).max(256),
  promptTokens: count,
  /** Of the prompt's tokens, those that an earlier request had left computed. */
  cachedTokens: count,
  answerTokens: count,
  /** From the question to the first token, waiting included. */
  ttftMs: measured.optional(),
  tokensPerSecond: measured.optional(),
  /** A device had computed wrongly: what was shown at first is not what stands here. */
  corrected: z.literal(true).optional(),
  /** Why it is not the model's exact answer; absent where it is. */
  notExact: name.optional(),
});

const messageSchema = z.strictObject({
  id,
  /** The message before it; several with one parent are branches. */
  parent: id.nullable(),
  role: z.enum(['user', 'assistant']),
  text,
  createdMs: timeMs,
  /** Of the assistant's. */
  answer: answerSchema.optional(),
});

/** A tree of messages, in the order in which they were made: parents come before their children. */
export const conversationSchema = z
  .strictObject({
    id,
    /** Empty until there is a first question. */
    title: z.string().max(conversationLimits.titleLength),
    createdMs: timeMs,
    updatedMs: timeMs,
    settings: settingsSchema,
    /** Last message of the branch that is shown. */
    leaf: id.nullable(),
    messages: z.array(messageSchema).max(conversationLimits.messages),
  })
  .superRefine(({ messages, leaf }, context) => {
    const roles = new Map<string, string>();
    messages.forEach(({ id, parent, role, answer }, index) => {
      const refuse = (field: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['messages', index, field], message });
      if (roles.has(id)) refuse('id', 'is there twice');
      if (parent !== null && !roles.has(parent)) refuse('parent', 'is no message before this one');
      const expected = parent === null || roles.get(parent) === 'assistant' ? 'user' : 'assistant';
      if (role !== expected) refuse('role', `must be "${expected}" after this parent`);
      if ((role === 'assistant') !== (answer !== undefined))
        refuse('answer', 'belongs to the assistant’s messages');
      roles.set(id, role);
    });
    if (leaf !== null && !roles.has(leaf))
      context.addIssue({ code: 'custom', path: ['leaf'], message: 'is none of the messages' });
  });

export type Conversation = z.infer<typeof conversationSchema>;
export type Message = z.infer<typeof messageSchema>;
export type AnswerRecord = z.infer<typeof answerSchema>;
export type Settings = z.infer<typeof settingsSchema>;

/** What a conversation is but for its messages. */
export type ConversationHead = Omit<Conversation, 'messages'>;

/** One line of the list of conversations. */
export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly messageCount: number;
}

/** A line of a list that was searched. */
export interface FoundConversation extends ConversationSummary {
  /** What was found, where it is not the title. */
  readonly excerpt?: string;
}

/** As it is shown. */
export interface ListedConversation extends FoundConversation {
  /** Whether an answer is under way in it. */
  readonly answering: boolean;
}
