import type { Logger } from '../../device-agent/logger.ts';

/** For commands that run in the foreground: warnings and errors as lines on stderr, nothing else. */
export const plainLogger: Logger = {
  info() {},
  warn: (_, message) => process.stderr.write(`note: ${message}\n`),
  error: (_, message) => process.stderr.write(`error: ${message}\n`),
};
