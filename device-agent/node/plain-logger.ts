import type { Logger } from '../logger.ts';

/** For programs that run in the foreground: warnings and errors as lines on stderr, nothing else. */
export const plainLogger: Logger = {
  info() {},
  warn: (fields, message) => process.stderr.write(`note: ${message}${reason(fields)}\n`),
  error: (fields, message) => process.stderr.write(`error: ${message}${reason(fields)}\n`),
};

function reason(fields: object): string {
  const { error } = fields as { error?: unknown };
  return error instanceof Error && error.message ? `: ${error.message}` : '';
}
