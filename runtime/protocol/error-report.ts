import { type ErrorCode, type ErrorFields, HearthError } from '../error.ts';
import type { Fields } from './fields.ts';
import { malformed } from './frame.ts';
import type { Report } from './messages.ts';

/** The codes that one side of a link tells the other; what is not among them travels as INTERNAL. */
const wireCodes = [
  'FRAME_TOO_LARGE',
  'FRAME_TRUNCATED',
  'FRAME_MALFORMED',
  'PROTOCOL_VERSION_MISMATCH',
  'PROTOCOL_UNEXPECTED_MESSAGE',
  'HANDSHAKE_FAILED',
  'SESSION_UNKNOWN',
  'DEVICE_NOT_PAIRED',
  'COORDINATOR_UNKNOWN',
  'JOIN_REFUSED',
  'TILE_CORRUPT',
  'LINK_TIMEOUT',
  'MEMORY_EXHAUSTED',
  'FIXED_POINT_OVERFLOW',
  'KERNEL_UNAVAILABLE',
  'MODEL_UNSUPPORTED',
  'CONTEXT_FULL',
  'SERVER_BUSY',
  'CACHE_WRITE_FAILED',
  'TILE_UNREADABLE',
  'INTERNAL',
] as const satisfies readonly ErrorCode[];

const maxMessageLength = 1000;
const maxFields = 16;

/** Any thrown value as it may leave this machine: of an unexpected error neither text nor stack does. */
export function reportOf(error: unknown): Report {
  if (!(error instanceof HearthError))
    return { code: 'INTERNAL', message: 'an unexpected error', fields: {} };
  const code = wireCodes.find((known) => known === error.code) ?? 'INTERNAL';
  const fields = Object.fromEntries(Object.entries(error.fields).slice(0, maxFields).map(shortened));
  return { code, message: error.message.slice(0, maxMessageLength), fields };
}

/** The error that a peer reported, to be thrown here. */
export function errorOf(report: Report): HearthError {
  return new HearthError(report.code, report.message, report.fields);
}

/** @throws HearthError FRAME_MALFORMED */
export function readReport(fields: Fields): Report {
  return {
    code: fields.oneOf('code', wireCodes),
    message: printable(fields.string('message', maxMessageLength)),
    fields: readErrorFields(fields.map('fields')),
  };
}

/** Control characters could drive the terminal on which an error is shown. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ');
}

function readErrorFields(fields: Fields): ErrorFields {
  const { keys } = fields;
  if (keys.length > maxFields) throw malformed(`an error has more than ${maxFields} fields`);
  return Object.fromEntries(
    keys.map((key) => {
      const value = fields.take(key);
      if (!/^[a-zA-Z]{1,40}$/.test(key)) throw malformed('an error has a field with an impossible name');
      if (typeof value === 'string') return [key, printable(value.slice(0, maxMessageLength))];
      if (typeof value === 'number' || typeof value === 'boolean') return [key, value];
      throw malformed(`an error's field ${key} is no plain value`);
    }),
  );
}

function shortened([key, value]: [string, ErrorFields[string]]): [string, ErrorFields[string]] {
  return [key, typeof value === 'string' ? value.slice(0, maxMessageLength) : value];
}
