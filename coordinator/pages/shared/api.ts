import { signal } from '@preact/signals';

/** What the coordinator said is wrong, or that it said nothing. */
export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const keyName = 'hearth.key';

/** Whether the coordinator wants a key that this page does not have. */
export const keyWanted = signal(false);
/** Whether the last request reached the coordinator. */
export const reachable = signal(true);

export function saveKey(key: string): void {
  localStorage.setItem(keyName, key);
  keyWanted.value = false;
}

/**
 * One request to the coordinator.
 * @throws ApiError with the coordinator's words; `UNREACHABLE` where there is none
 */
export async function request(
  method: string,
  path: string,
  body?: BodyInit,
  signal?: AbortSignal,
): Promise<Response> {
  const key = localStorage.getItem(keyName);
  const headers = { ...(key && { authorization: `Bearer ${key}` }) };
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body: body ?? null, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    reachable.value = false;
    throw new ApiError('UNREACHABLE', 'The coordinator does not answer. Is it running?');
  }
  reachable.value = true;
  if (response.ok) return response;
  // An answer to an older key says nothing of the present one.
  if (response.status === 401 && key === localStorage.getItem(keyName)) keyWanted.value = true;
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
  const response = await request(method, path, body === undefined ? undefined : JSON.stringify(body));
  return (await response.json()) as T;
}
