import { STATUS_CODES } from 'node:http';
import { errorAnswer } from './error-answer.ts';
import { securityHeaders } from './headers.ts';

/** The answer to what is no request, or no more than one for a WebSocket, byte for byte; the connection ends with it. */
export function httpMessage(error: unknown): string {
  const { status, headers, body } = errorAnswer(error);
  const text = JSON.stringify(body);
  const all = {
    ...securityHeaders,
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`;
}
