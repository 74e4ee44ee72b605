/** On every answer: nothing of it is to be sniffed, framed, cached or read by pages of other sites. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** On a page's own files: nothing but what this server has may run, be shown or be asked, and no text becomes a script. */
export const pageHeaders = headersOfPage("'self'", 'service-worker');

/** On the page that lends a browser: it may compile WebAssembly and start its workers. */
export const joinPageHeaders = headersOfPage("'self' 'wasm-unsafe-eval'", 'workers');

/**
 * @param scripts where they may come from
 * @param policy by which alone a text becomes the address of a script
 */
function headersOfPage(scripts: string, policy: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${scripts}`,
      "style-src 'self'",
      "img-src 'self'",
      "connect-src 'self'",
      "manifest-src 'self'",
      "worker-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      `trusted-types ${policy}`,
    ].join('; '),
    // Both together give a page its own process, and so memory that threads share and clocks that are fine enough, where
    // its origin is secure; elsewhere browsers pass over them.
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  };
}

/** For a page that has no script, and one style in its text. */
export function strictPageHeaders(styleHash: string): Readonly<Record<string, string>> {
  return {
    ...pageHeaders,
    'content-security-policy': `default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

/** For a page whose origin has passed the guard. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return { 'access-control-allow-origin': origin, vary: 'Origin' };
}

/** Answers what a browser asks before it sends such a page's request. */
export function preflightHeaders(request: Headers): Record<string, string> {
  const wanted = request.get('access-control-request-headers') ?? '';
  return {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': /^[\w\-, ]*$/.test(wanted) ? wanted : '',
    'access-control-max-age': '600',
  };
}
