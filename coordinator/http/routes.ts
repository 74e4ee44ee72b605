import type { Context, Hono } from 'hono';
import { HearthError } from '../../runtime/error.ts';

export type Handler = (hono: Context) => Response | Promise<Response>;

/** What each path answers, by method. */
export type Routes = Readonly<
  Record<string, Readonly<Partial<Record<'GET' | 'POST' | 'PATCH' | 'DELETE', Handler>>>>
>;

/**
 * Adds routes that say which methods they take.
 * @param enter looks at every request to them first, and throws to refuse it
 */
export function addRoutes(app: Hono, routes: Routes, enter: (hono: Context) => void): void {
  for (const [path, handlers] of Object.entries(routes)) {
    for (const [method, handler] of Object.entries(handlers)) {
      app.on(method, path, (hono) => {
        enter(hono);
        return handler(hono);
      });
    }
    const allow = Object.keys(handlers).join(', ');
    app.all(path, (hono) => {
      enter(hono);
      const message = `${hono.req.path} takes ${allow}, not ${hono.req.method}`;
      throw new HearthError('METHOD_NOT_ALLOWED', message, { allow });
    });
  }
}
