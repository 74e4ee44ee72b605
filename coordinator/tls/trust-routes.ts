import type { X509Certificate } from 'node:crypto';
import { strictPageHeaders } from '../http/headers.ts';
import type { Routes } from '../http/routes.ts';
import { authorityPath, styleHash, trustPage } from './trust-page.ts';

export interface TrustView {
  readonly authority: X509Certificate;
  /** Where others reach this server, as `address:port`. */
  readonly host: string;
}

/** How others come to trust this coordinator. Open to all, also in the clear: nothing of it is secret. */
export function trustRoutes(view: () => TrustView): Routes {
  return {
    '/trust': {
      GET: () => {
        const { authority, host } = view();
        const html = trustPage({
          name: authority.subject.replace(/^CN=/, ''),
          fingerprint: authority.fingerprint256,
          trustUrl: `http://${host}/trust`,
          secureUrl: `https://${host}`,
        });
        const headers = { ...strictPageHeaders(styleHash), 'content-type': 'text/html; charset=utf-8' };
        return new Response(html, { headers });
      },
    },
    [authorityPath]: {
      GET: () => {
        const { authority } = view();
        // What phones and desktops offer to install.
        const headers = { 'content-type': 'application/x-x509-ca-cert' };
        return new Response(authority.toString(), { headers });
      },
    },
  };
}
