import { signal } from '@preact/signals';

/** What the coordinator said is wrong, or that it said nothing. */
export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Whether the coordinator wants a key, and this browser has no session. */
export const keyWanted = signal(false);
/** Whether the last request reached the coordinator. */
export const reachable = signal(true);

/**
 * Exchanges a key for a session, which the browser keeps in a cookie that no script can read.
 * @throws ApiError as `request`
 */
export async function openSession(key: string): Promise<void> {
  await request('POST', '/session', { headers: { authorization: `Bearer ${key}` } });
}

/** Opens the session that the page's link is for: `#key=…`, of which nothing stays in the address or the history. */
export async function followLink(): Promise<void> {
  const key = /^#key=([\w-]+)$/.exec(location.hash)?.[1];
  if (key === undefined) return;
  history.replaceState(null, '', location.pathname);
  // A key that does not open is asked for again as soon as something is refused.
  await openSession(key).catch(() => {});
}

/**
 * One request to the coordinator.
 * @throws ApiError with the coordinator's words; `UNREACHABLE` where there is none
 */
export async function request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, method });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    reachable.value = false;
    throw new ApiError('UNREACHABLE', 'The coordinator does not answer. Is it running?');
  }
  reachable.value = true;
  keyWanted.value = response.status === 401;
  if (response.ok) return response;
  const { error } = (await response.json().catch(() => ({}))) as {
    error?: { code: string; message: string };
  };
  throw new ApiError(
    error?.code ?? 'INTERNAL',
    error?.message ?? `The coordinator answered ${response.status}.`,
  );
}

/** @throws ApiError as `request` */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await request(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
  return (await response.json()) as T;
}
