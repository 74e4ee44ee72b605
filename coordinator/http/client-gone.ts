/**
 * Aborts once the client has closed its connection; a stream that notices by itself may abort it too.
 * (`AbortSignal.any` would join the two as well, but on Node 20 its signals may be collected with their listeners.)
 */
export function clientGone(request: Request): AbortController {
  const gone = new AbortController();
  request.signal.addEventListener('abort', () => gone.abort(), { once: true });
  if (request.signal.aborted) gone.abort();
  return gone;
}
