import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ErrorCode, HearthError } from '../../runtime/error.ts';

/** HTTP status of each code that is not a 500. */
const statuses: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  REQUEST_INVALID: 400,
  REQUEST_UNSUPPORTED_FIELD: 400,
  CONTEXT_FULL: 400,
  TEMPLATE_FAILED: 400,
  REQUEST_UNAUTHORIZED: 401,
  SESSION_ENDED: 401,
  SCOPE_MISSING: 403,
  TLS_REQUIRED: 403,
  HOST_NOT_ALLOWED: 403,
  ORIGIN_NOT_ALLOWED: 403,
  ROUTE_NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  CONVERSATION_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CONVERSATION_BUSY: 409,
  REQUEST_TOO_LARGE: 413,
  CONVERSATION_FULL: 413,
  RATE_LIMITED: 429,
  HEADERS_TOO_LARGE: 431,
  // nginx's "client closed request": nobody is there to read it, but logs are.
  REQUEST_CANCELLED: 499 as ContentfulStatusCode,
  SERVER_BUSY: 503,
  SERVER_LOADING: 503,
  CONVERSATION_LOCKED: 503,
  DEVICE_LOST: 503,
  ANSWER_RETRACTED: 503,
  LINK_TIMEOUT: 503,
  CACHE_LOST: 503,
  PLAN_NO_DEVICES: 503,
  MEMORY_EXHAUSTED: 503,
};

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'unavailable_error',
};

/** OpenAI's shape of an error. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly type: string;
    /** The request's field that is wrong. */
    readonly param: string | null;
  };
}

export interface ErrorAnswer {
  readonly status: ContentfulStatusCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

export function errorStatus(code: ErrorCode): ContentfulStatusCode {
  return statuses[code] ?? 500;
}

/** What a client is told of an error. Of an unforeseen one it learns nothing: its text may hold paths or prompts. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const known =
    error instanceof HearthError ? error : new HearthError('INTERNAL', 'an internal error; see the log');
  const status = errorStatus(known.code);
  const { field, retryAfterSeconds, allow } = known.fields;
  const headers: Record<string, string> = {};
  if (status === 429 || status === 503) headers['retry-after'] = String(retryAfterSeconds ?? 2);
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (allow !== undefined) headers.allow = String(allow);
  const type = types[status] ?? 'invalid_request_error';
  const param = field === undefined ? null : String(field);
  return { status, headers, body: { error: { code: known.code, message: known.message, type, param } } };
}
