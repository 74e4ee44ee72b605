import { Readable } from 'node:stream';
import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { HearthError } from '../../runtime/error.ts';
import { conversationLimits, settingsSchema } from '../conversations/conversation.ts';
import type { ConversationShelf } from '../conversations/conversation-shelf.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { exportText, parseExport } from '../conversations/export-format.ts';
import { watchConversation } from '../conversations/watch-conversation.ts';
import { isSameOrigin } from '../host-guard.ts';
import { clientGone } from './client-gone.ts';
import type { ApiContext } from './context.ts';
import type { Handler, Routes } from './routes.ts';
import { sseResponse } from './sse.ts';
import { validated } from './validate.ts';

const text = z.string().min(1).max(conversationLimits.textLength);
const message = z.string().max(64);
const createBody = z.strictObject({ settings: settingsSchema.default({}) });
const changeBody = z.strictObject({
  title: z.string().max(conversationLimits.titleLength).optional(),
  settings: settingsSchema.optional(),
  leaf: message.optional(),
});
const askBody = z.strictObject({ parent: message.nullable(), text });
const messageBody = z.strictObject({ message });
const emptyBody = z.strictObject({});

/** What the routes need of all that routes share. */
type RouteContext = Pick<ApiContext, 'bodies' | 'pingIntervalMs' | 'onError'>;

/** The conversations' own API, as docs/conversations.md tells. */
export function conversationRoutes(conversations: Conversations, context: RouteContext): Routes {
  const { shelf } = conversations;
  /** What a body asks for is done to the conversation that the path names. */
  const post = <T>(schema: z.ZodType<T>, act: (id: string, body: T) => Promise<unknown>): Handler => {
    return async ({ req }) => {
      const body = validated(schema, await context.bodies.read(req.raw));
      await act(req.param('id') ?? '', body);
      return Response.json({});
    };
  };
  return {
    '/api/conversations': {
      GET: async ({ req }) => Response.json({ conversations: await conversations.list(req.query('search')) }),
      POST: async ({ req }) => {
        const { settings } = validated(createBody, await context.bodies.read(req.raw));
        return Response.json(await shelf.create(settings), { status: 201 });
      },
    },
    '/api/conversations/:id': {
      GET: async ({ req }) => Response.json((await shelf.get(req.param('id') ?? '')).conversation),
      PATCH: post(changeBody, (id, changes) => conversations.change(id, changes)),
      DELETE: async ({ req }) => {
        await conversations.delete(req.param('id') ?? '');
        return Response.json({});
      },
    },
    '/api/conversations/:id/ask': {
      POST: post(askBody, (id, { parent, text }) => conversations.ask(id, parent, text)),
    },
    '/api/conversations/:id/answer-again': {
      POST: post(messageBody, (id, { message }) => conversations.answerAgain(id, message)),
    },
    '/api/conversations/:id/continue': {
      POST: post(messageBody, (id, { message }) => conversations.goOn(id, message)),
    },
    '/api/conversations/:id/stop': { POST: post(emptyBody, (id) => conversations.stop(id)) },
    '/api/conversations/:id/events': { GET: (hono) => events(hono, shelf, context) },
    '/api/conversations/:id/export': {
      GET: async ({ req }) => {
        const { conversation } = await shelf.get(req.param('id') ?? '');
        return fileResponse(exportText(one(conversation)), `${conversation.id}.json`);
      },
    },
    '/api/export': { GET: () => fileResponse(exportText(shelf.all()), 'hearth-conversations.json') },
    '/api/import': { POST: ({ req }) => importInto(shelf, req.raw, context) },
  };
}

async function events({ req }: Context, shelf: ConversationShelf, context: RouteContext): Promise<Response> {
  const gone = clientGone(req.raw);
  const open = await shelf.get(req.param('id') ?? '');
  const watched = watchConversation(open, req.query('after'), gone.signal);
  return sseResponse(watched, { ...context, onGone: () => gone.abort() });
}

async function importInto(
  shelf: ConversationShelf,
  request: Request,
  { bodies }: RouteContext,
): Promise<Response> {
  const imported = parseExport(await bodies.read(request, conversationLimits.fileBytes));
  const ids: string[] = [];
  for (const conversation of imported) ids.push((await shelf.add(conversation)).id);
  return Response.json({ ids }, { status: 201 });
}

/** What was said is for this server's own pages: not even for others of this machine, which may use the model. */
export const ownPagesOnly: MiddlewareHandler = async ({ req }, next) => {
  const origin = req.header('origin');
  if (origin !== undefined && !isSameOrigin(origin, req.header('host'))) {
    throw new HearthError('ORIGIN_NOT_ALLOWED', `pages of "${origin}" may not read conversations`, {
      header: 'Origin',
    });
  }
  await next();
};

function fileResponse(pieces: AsyncIterable<string>, name: string): Response {
  const body = Readable.toWeb(Readable.from(pieces, { objectMode: false }));
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-disposition': `attachment; filename="${name}"`,
  };
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, { headers });
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}
