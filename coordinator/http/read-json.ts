import { HearthError } from '../../runtime/error.ts';

/**
 * The JSON object in a request's body.
 * @throws HearthError REQUEST_TOO_LARGE before more than `maxBytes` are read; REQUEST_INVALID
 */
export async function readJsonObject(request: Request, maxBytes: number): Promise<Record<string, unknown>> {
  const text = decodeUtf8(await readBody(request, maxBytes));
  const value = parseJson(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new HearthError('REQUEST_INVALID', 'the body must be a JSON object');
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const parts: Uint8Array[] = [];
  let byteLength = 0;
  for await (const part of request.body ?? []) {
    byteLength += part.length;
    if (byteLength > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return Buffer.concat(parts, byteLength);
}

function tooLarge(maxBytes: number): HearthError {
  return new HearthError('REQUEST_TOO_LARGE', `the body may have ${maxBytes} bytes`, { maxBytes });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HearthError('REQUEST_INVALID', 'the body is not UTF-8', {}, cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HearthError('REQUEST_INVALID', `the body is not JSON: ${reason}`, {}, cause);
  }
}
