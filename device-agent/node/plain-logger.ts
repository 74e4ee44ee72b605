import { HearthError } from '../../runtime/error.ts';
import type { Logger } from '../logger.ts';

/** For commands that run in the foreground: warnings and errors as lines on stderr, nothing else. */
export const plainLogger: Logger = {
  info() {},
  warn: (fields, message) => process.stderr.write(`note: ${message}${reasonIn(fields)}\n`),
  error: (fields, message) => process.stderr.write(`error: ${message}${reasonIn(fields)}\n`),
};

/** What went wrong, for people: no stack, which the log of a server has. */
function reasonIn({ error, reason }: { readonly error?: unknown; readonly reason?: unknown }): string {
  if (error instanceof HearthError) return `: ${error.message} (${error.code})`;
  if (error instanceof Error) return `: ${error.message}`;
  return typeof reason === 'string' ? `: ${reason}` : '';
}
