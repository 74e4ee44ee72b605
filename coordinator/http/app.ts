import { join } from 'node:path';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { HostGuard } from '../host-guard.ts';
import { randomSeed } from './ask-chat.ts';
import { chatRoute } from './chat-route.ts';
import { completionRoute } from './completion-route.ts';
import type { ApiContext } from './context.ts';
import { conversationRoutes, ownPagesOnly } from './conversation-routes.ts';
import { Doorkeeper, type DoorkeeperOptions, type Level } from './doorkeeper.ts';
import { errorAnswer } from './error-answer.ts';
import { corsHeaders, joinPageHeaders, preflightHeaders, securityHeaders } from './headers.ts';
import { JsonBodies } from './json-bodies.ts';
import { modelRoute, modelsRoute } from './models-route.ts';
import { PageFiles } from './page-files.ts';
import { addRoutes, type Routes } from './routes.ts';
import { servedModel } from './served-model.ts';
import { sessionRoutes } from './session-routes.ts';
import { detokenizeRoute, tokenizeRoute } from './tokenize-route.ts';

/** Routes by what they ask of whoever uses them. */
export type LevelRoutes = Readonly<Partial<Record<Level, Routes>>>;

export interface AppOptions
  extends Pick<ApiContext, 'models'>,
    Partial<Omit<ApiContext, 'models'>>,
    DoorkeeperOptions {
  /** Host names or addresses that may be used for this server besides the loopback ones. */
  readonly allowedHosts?: readonly string[];
  /** What is said in the chat page; without, it has none to show. */
  readonly conversations?: Conversations;
  /** More routes behind the same checks. */
  readonly routes?: LevelRoutes;
}

/** The HTTP API as a function from request to response: it needs no port. */
export function createApp(options: AppOptions): Hono {
  const context = contextOf(options);
  const keeper = new Doorkeeper(options);
  const app = new Hono();
  app.use(addSecurityHeaders, guardHosts(new HostGuard(options.allowedHosts ?? [])));
  app.use('/api/*', ownPagesOnly);
  const add = (all: LevelRoutes): void => {
    for (const [level, routes] of Object.entries(all) as [Level, Routes][])
      addRoutes(app, routes, (hono) => keeper.enter(hono, level));
  };
  add({ page: sessionRoutes(keeper, options.keys) });
  add(options.routes ?? {});
  add(apiRoutes(context));
  if (options.conversations) add({ chat: conversationRoutes(options.conversations, context) });
  app.notFound((hono) => {
    keeper.enter(hono, 'chat');
    throw new HearthError('ROUTE_NOT_FOUND', `there is no ${hono.req.path} here`);
  });
  app.onError((error, hono) => {
    context.onError(error);
    return isPageInTheClear(error, hono) ? hono.redirect('/trust') : answerError(error);
  });
  return app;
}

function contextOf(options: AppOptions): ApiContext {
  const onError = (error: unknown): void => {
    if (errorAnswer(error).status === 500) options.onError?.(error);
  };
  return {
    bodies: new JsonBodies(),
    pingIntervalMs: 15_000,
    randomSeed,
    nowSeconds: () => Math.floor(Date.now() / 1000),
    ...options,
    onError,
  };
}

function apiRoutes(context: ApiContext): LevelRoutes {
  const post = (handler: (request: Request, context: ApiContext) => Promise<Response>): Routes[string] => ({
    POST: ({ req }) => handler(req.raw, context),
  });
  return {
    open: {
      '/health': { GET: () => health(context) },
      // Its links are sealed whatever carries them, and what stands behind the # of one that leads here stays with the
      // browser, which takes it along.
      '/join': { GET: (hono) => hono.redirect('/join/') },
      '/join/:path{.*}': { GET: (hono) => joinPage.answer(hono, hono.req.param('path') ?? '') },
    },
    page: {
      '/': { GET: welcome },
      '/chat': { GET: (hono) => hono.redirect('/chat/') },
      '/chat/:path{.*}': { GET: (hono) => chatPage.answer(hono, hono.req.param('path') ?? '') },
      '/devices': { GET: (hono) => hono.redirect('/devices/') },
      '/devices/:path{.*}': { GET: (hono) => devicesPage.answer(hono, hono.req.param('path') ?? '') },
    },
    chat: {
      '/v1/models': { GET: () => modelsRoute(context) },
      '/v1/models/:id{.+}': { GET: ({ req }) => modelRoute(req.param('id') ?? '', context) },
      '/v1/chat/completions': post(chatRoute),
      '/v1/completions': post(completionRoute),
      '/tokenize': post(tokenizeRoute),
      '/detokenize': post(detokenizeRoute),
    },
  };
}

const pages = join(packageRoot(), 'dist/coordinator/pages');
const chatPage = new PageFiles(join(pages, 'chat'));
const devicesPage = new PageFiles(join(pages, 'devices'));
const joinPage = new PageFiles(join(pages, 'join'), joinPageHeaders);

/** People come with a browser, programs look whether something is there. */
function welcome(hono: Context): Response {
  if (wantsPage(hono)) return hono.redirect('/chat/');
  return new Response('Hearth is running. Its chat page is at /chat/, its OpenAI-compatible API at /v1.\n');
}

/** llama-server's: 503 until there is a model to ask. */
function health({ models }: ApiContext): Response {
  servedModel(models());
  return Response.json({ status: 'ok' });
}

/** A route that sets one of them otherwise, as a page does with its content policy, has its way. */
const addSecurityHeaders: MiddlewareHandler = async (hono, next) => {
  await next();
  const { headers } = hono.res;
  for (const [name, value] of Object.entries(securityHeaders))
    if (!headers.has(name)) headers.set(name, value);
};

function guardHosts(guard: HostGuard): MiddlewareHandler {
  return async (hono, next) => {
    const { req } = hono;
    const origin = req.header('origin');
    guard.check(req.header('host') ?? new URL(req.url).host, origin);
    if (req.method === 'OPTIONS') {
      hono.res = new Response(null, { status: 204, headers: preflightHeaders(req.raw.headers) });
    } else {
      await next();
    }
    if (origin === undefined) return;
    for (const [name, value] of Object.entries(corsHeaders(origin))) hono.res.headers.set(name, value);
  };
}

/** Who typed the address, or followed a link, without https:// is shown how to. */
function isPageInTheClear(error: unknown, hono: Context): boolean {
  return error instanceof HearthError && error.code === 'TLS_REQUIRED' && wantsPage(hono);
}

function wantsPage({ req }: Context): boolean {
  return req.method === 'GET' && (req.header('accept')?.includes('text/html') ?? false);
}

function answerError(error: unknown): Response {
  const { status, headers, body } = errorAnswer(error);
  return Response.json(body, { status, headers });
}
