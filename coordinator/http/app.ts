import { join } from 'node:path';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { HostGuard } from '../host-guard.ts';
import { checkApiKey } from './api-key.ts';
import { randomSeed } from './ask-chat.ts';
import { chatRoute } from './chat-route.ts';
import { completionRoute } from './completion-route.ts';
import type { ApiContext } from './context.ts';
import { conversationRoutes, ownPagesOnly } from './conversation-routes.ts';
import { errorAnswer } from './error-answer.ts';
import { corsHeaders, joinPageHeaders, preflightHeaders, securityHeaders } from './headers.ts';
import { modelRoute, modelsRoute } from './models-route.ts';
import { PageFiles } from './page-files.ts';
import { addRoutes, type Routes } from './routes.ts';
import { servedModel } from './served-model.ts';
import { detokenizeRoute, tokenizeRoute } from './tokenize-route.ts';

export interface AppOptions extends Pick<ApiContext, 'models'>, Partial<Omit<ApiContext, 'models'>> {
  /** Host names or addresses that may be used for this server besides the loopback ones. */
  readonly allowedHosts?: readonly string[];
  /** Wanted from every client that asks for more than `/` and `/health`. */
  readonly apiKey?: string;
  /** What is said in the chat page; without, it has none to show. */
  readonly conversations?: Conversations;
  /** Adds routes behind the same checks and before the API's own. */
  readonly extend?: (app: Hono) => void;
}

/** Paths that need no key: they tell nothing and cost nothing. */
const openPaths = /^\/(health|(chat|join|devices)(\/.*)?)?$/;

/** The HTTP API as a function from request to response: it needs no port. */
export function createApp(options: AppOptions): Hono {
  const context = contextOf(options);
  const app = new Hono();
  app.use(addSecurityHeaders, guardHosts(new HostGuard(options.allowedHosts ?? [])));
  if (options.apiKey !== undefined) app.use(wantKey(options.apiKey));
  options.extend?.(app);
  addRoutes(app, apiRoutes(context));
  if (options.conversations) {
    app.use('/api/*', ownPagesOnly);
    addRoutes(app, conversationRoutes(options.conversations, context));
  }
  app.notFound(({ req }) => answerError(new HearthError('ROUTE_NOT_FOUND', `there is no ${req.path} here`)));
  app.onError((error) => {
    context.onError(error);
    return answerError(error);
  });
  return app;
}

function contextOf(options: AppOptions): ApiContext {
  const onError = (error: unknown): void => {
    if (errorAnswer(error).status === 500) options.onError?.(error);
  };
  return {
    maxBodyBytes: 8 * 1024 * 1024,
    pingIntervalMs: 15_000,
    randomSeed,
    nowSeconds: () => Math.floor(Date.now() / 1000),
    ...options,
    onError,
  };
}

function apiRoutes(context: ApiContext): Routes {
  const post = (handler: (request: Request, context: ApiContext) => Promise<Response>): Routes[string] => ({
    POST: ({ req }) => handler(req.raw, context),
  });
  return {
    '/': { GET: welcome },
    '/chat': { GET: (hono) => hono.redirect('/chat/') },
    '/chat/:path{.*}': { GET: (hono) => chatPage.answer(hono, hono.req.param('path') ?? '') },
    // What stands behind the # of a link that leads here stays with the browser, which takes it along.
    '/join': { GET: (hono) => hono.redirect('/join/') },
    '/join/:path{.*}': { GET: (hono) => joinPage.answer(hono, hono.req.param('path') ?? '') },
    '/devices': { GET: (hono) => hono.redirect('/devices/') },
    '/devices/:path{.*}': { GET: (hono) => devicesPage.answer(hono, hono.req.param('path') ?? '') },
    '/health': { GET: () => health(context) },
    '/v1/models': { GET: () => modelsRoute(context) },
    '/v1/models/:id{.+}': { GET: ({ req }) => modelRoute(req.param('id') ?? '', context) },
    '/v1/chat/completions': post(chatRoute),
    '/v1/completions': post(completionRoute),
    '/tokenize': post(tokenizeRoute),
    '/detokenize': post(detokenizeRoute),
  };
}

const pages = join(packageRoot(), 'dist/coordinator/pages');
const chatPage = new PageFiles(join(pages, 'chat'));
const devicesPage = new PageFiles(join(pages, 'devices'));
const joinPage = new PageFiles(join(pages, 'join'), joinPageHeaders);

/** People come with a browser, programs look whether something is there. */
function welcome(hono: Context): Response {
  if (hono.req.header('accept')?.includes('text/html')) return hono.redirect('/chat/');
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

function wantKey(apiKey: string): MiddlewareHandler {
  return async ({ req }, next) => {
    if (!openPaths.test(req.path)) checkApiKey(req.header('authorization'), apiKey);
    await next();
  };
}

function answerError(error: unknown): Response {
  const { status, headers, body } = errorAnswer(error);
  return Response.json(body, { status, headers });
}
