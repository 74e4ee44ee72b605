/**
 * The one error type for everything that can go wrong while operating: a bad file, a bad request, a bad
 * frame, a device that left. The codes are stable: the same on the wire, in HTTP answers and in docs/errors.md.
 * Programmer errors are plain `Error`s thrown by `assert`.
 */
export type ErrorCode =
  // files
  | 'FILE_NOT_FOUND'
  | 'FILE_READ_FAILED'
  | 'FILE_WRITE_FAILED'
  | 'CACHE_WRITE_FAILED'
  | 'GGUF_NOT_GGUF'
  | 'GGUF_UNSUPPORTED_VERSION'
  | 'GGUF_TRUNCATED'
  | 'GGUF_LIMIT_EXCEEDED'
  | 'GGUF_BAD_METADATA'
  | 'GGUF_BAD_TENSOR'
  | 'GGUF_UNKNOWN_TYPE'
  | 'GGUF_BAD_SPLIT'
  | 'MODEL_UNKNOWN_ARCHITECTURE'
  | 'MODEL_BAD_METADATA'
  | 'MODEL_BAD_TENSOR'
  | 'MODEL_UNSUPPORTED'
  | 'TOKENIZER_UNSUPPORTED'
  | 'TOKENIZER_BAD_VOCABULARY'
  | 'TEMPLATE_FAILED'
  | 'TEMPLATE_TIMEOUT'
  // pulling
  | 'PULL_NOT_FOUND'
  | 'PULL_REFUSED'
  | 'PULL_FAILED'
  | 'PULL_CHANGED'
  | 'PULL_CORRUPT'
  | 'PULL_BUSY'
  // wire
  | 'FRAME_TOO_LARGE'
  | 'FRAME_TRUNCATED'
  | 'FRAME_MALFORMED'
  | 'FRAME_FORGED'
  | 'FRAME_REPLAYED'
  | 'FRAME_MISSING'
  | 'PROTOCOL_VERSION_MISMATCH'
  | 'PROTOCOL_UNEXPECTED_MESSAGE'
  | 'HANDSHAKE_FAILED'
  | 'SESSION_UNKNOWN'
  | 'DEVICE_NOT_PAIRED'
  | 'COORDINATOR_UNKNOWN'
  | 'JOIN_REFUSED'
  | 'JOIN_FAILED'
  | 'LISTEN_FAILED'
  | 'TILE_CORRUPT'
  | 'TILE_UNREADABLE'
  | 'LINK_TIMEOUT'
  // cluster
  | 'PLAN_BAD_LAYOUT'
  | 'PLAN_BAD_SPLIT'
  | 'PLAN_NO_DEVICES'
  | 'MEMORY_EXHAUSTED'
  | 'DEVICE_LOST'
  | 'DEVICE_WRONG'
  | 'ANSWER_RETRACTED'
  | 'CACHE_LOST'
  | 'FIXED_POINT_OVERFLOW'
  | 'KERNEL_UNAVAILABLE'
  | 'THREAD_LOST'
  | 'GPU_LOST'
  | 'CONTEXT_FULL'
  | 'LOGITS_NOT_FINITE'
  // requests
  | 'REQUEST_INVALID'
  | 'REQUEST_UNSUPPORTED_FIELD'
  | 'REQUEST_TOO_LARGE'
  | 'REQUEST_TIMEOUT'
  | 'HEADERS_TOO_LARGE'
  | 'REQUEST_UNAUTHORIZED'
  | 'SESSION_ENDED'
  | 'SCOPE_MISSING'
  | 'TLS_REQUIRED'
  | 'HOST_NOT_ALLOWED'
  | 'ORIGIN_NOT_ALLOWED'
  | 'REQUEST_CANCELLED'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'MODEL_NOT_FOUND'
  | 'CONVERSATION_NOT_FOUND'
  | 'CONVERSATION_BUSY'
  | 'CONVERSATION_FULL'
  | 'CONVERSATION_LOCKED'
  | 'RATE_LIMITED'
  | 'SERVER_BUSY'
  | 'SERVER_LOADING'
  | 'USAGE'
  | 'INTERNAL';

/** What the error is about, in plain values: safe to log, to send and to show. */
export type ErrorFields = Readonly<Record<string, string | number | boolean>>;

export class HearthError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  /** @param message says what is wrong and what to do about it */
  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HearthError';
    this.code = code;
    this.fields = fields;
  }

  /** What was caught, if it is one; else an INTERNAL one of this message that it caused. */
  static of(caught: unknown, message: string): HearthError {
    return caught instanceof HearthError ? caught : new HearthError('INTERNAL', message, {}, caught);
  }
}

/**
 * A programmer error if it fails: never used for what a file, a peer or a user may send.
 * @param got what is said of it: apart from the message, so that what holds a million times a second makes no text
 */
export function assert(
  condition: boolean,
  message: string,
  got?: number | string,
  of?: number | string,
): asserts condition {
  if (condition) return;
  const values = [got, of].filter((value) => value !== undefined);
  throw new Error(`assertion failed: ${[message, ...values].join(', ')}`);
}
