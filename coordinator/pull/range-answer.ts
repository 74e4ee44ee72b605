import { HearthError } from '../../runtime/error.ts';
import { printable } from '../../runtime/protocol/error-report.ts';
import { retryAfterMs, Transient } from './retry.ts';
import type { Answer } from './web-client.ts';

/** What a server says of a file: its length, and what tells this version of it from others. */
export interface FileFacts {
  readonly bytes: number;
  /** ETag, else Last-Modified; a server may have neither. */
  readonly validator: string | undefined;
}

type Head = Pick<Answer, 'status' | 'headers' | 'url'>;

/**
 * Checks that an answer is the range that was asked for: [start, end), of a file of that length.
 * @param end at most the file's length
 * @returns the whole file's facts
 * @throws Transient for a server that lies or is in trouble; HearthError PULL_NOT_FOUND, PULL_FAILED
 */
export function checkRange(answer: Head, start: number, end: number): FileFacts {
  checkStatus(answer);
  const { headers } = answer;
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text(headers['content-range']) ?? '');
  const [first, last, bytes] = (range ?? []).slice(1).map(Number);
  if (first !== start || last !== end - 1 || bytes === undefined || bytes < end)
    throw new Transient(`bytes ${start}-${end - 1} were asked for, and the answer has ${describe(answer)}`);
  checkLength(answer, end - start);
  return { bytes, validator: validatorOf(answer) };
}

/**
 * The whole file, from a server that sends no ranges.
 * @throws Transient; HearthError PULL_NOT_FOUND, PULL_FAILED
 */
export function checkWhole(answer: Head): FileFacts {
  checkStatus(answer);
  const length = text(answer.headers['content-length']);
  if (length === undefined) {
    const message = `${answer.url.origin} does not tell how long the file is: get it another way`;
    throw new HearthError('PULL_FAILED', message, { origin: answer.url.origin });
  }
  return { bytes: Number(length), validator: validatorOf(answer) };
}

/** @throws Transient where trying again may help; HearthError PULL_NOT_FOUND, PULL_FAILED where it does not */
export function checkStatus({ status, headers, url }: Head): void {
  if (status >= 200 && status < 300) return;
  const said = `${url.origin} answers ${status}`;
  if (status >= 500 || status === 429 || status === 408)
    throw new Transient(said, retryAfterMs(text(headers['retry-after']), Date.now()));
  if (status === 401 || status === 403) {
    const remedy = 'a private or gated file needs HF_TOKEN, of an account that has accepted its terms';
    throw new HearthError('PULL_NOT_FOUND', `${said} for ${url.pathname}: ${remedy}`, { status });
  }
  if (status === 404 || status === 410)
    throw new HearthError('PULL_NOT_FOUND', `${said} for ${url.pathname}`, { status });
  throw new HearthError('PULL_FAILED', `${said} for ${url.pathname}`, { status });
}

function checkLength({ headers }: Head, expected: number): void {
  const length = text(headers['content-length']);
  if (length !== undefined && Number(length) !== expected)
    throw new Transient(`${expected} bytes were asked for, and ${printable(length)} are announced`);
}

function validatorOf({ headers }: Head): string | undefined {
  return text(headers.etag) ?? text(headers['last-modified']);
}

function describe({ status, headers }: Head): string {
  return `status ${status} and ${printable(text(headers['content-range']) ?? 'no range')}`;
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
