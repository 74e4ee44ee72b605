import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { KeyRing } from '../access/key-ring.ts';
import { type Doorkeeper, sessionCookie, sessionOf } from './doorkeeper.ts';
import { peerOf } from './peer.ts';
import type { Routes } from './routes.ts';

/** A page exchanges the key of its link, or one that was typed, for a cookie that no script can read. */
export function sessionRoutes(keeper: Doorkeeper, keys: KeyRing | undefined): Routes {
  const open = (hono: Context): Response => {
    const caller = keeper.caller(hono);
    if (!keys) return Response.json({ scope: caller.scope });
    const { token, name, expiresAt } = keys.openSession(caller, deviceOf(hono.req.header('user-agent')));
    setCookie(hono, sessionCookie(peerOf(hono)), token, { ...cookieFor(hono), expires: expiresAt });
    return hono.json({ name, scope: caller.scope, expiresAt });
  };
  const close = (hono: Context): Response => {
    const session = sessionOf(hono);
    if (session !== undefined) keys?.closeSession(session);
    deleteCookie(hono, sessionCookie(peerOf(hono)), cookieFor(hono));
    return hono.json({});
  };
  return { '/session': { POST: open, DELETE: close } };
}

function cookieFor(hono: Context) {
  return { path: '/', httpOnly: true, sameSite: 'Strict', secure: peerOf(hono).isEncrypted } as const;
}

/** What the owner recognises a session by. */
function deviceOf(userAgent = ''): string {
  const known = ['iPhone', 'iPad', 'Android', 'Windows', 'Macintosh', 'CrOS', 'Linux'];
  return known.find((name) => userAgent.includes(name)) ?? 'browser';
}
