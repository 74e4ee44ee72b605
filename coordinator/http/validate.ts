import type { z } from 'zod';
import { HearthError } from '../../runtime/error.ts';
import { unsupportedField } from './no-op-fields.ts';

/**
 * A value checked against a schema.
 * @throws HearthError REQUEST_UNSUPPORTED_FIELD for a field that the schema does not know, REQUEST_INVALID for
 *   anything else, both naming the field
 */
export function validated<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = fieldName(issue.path);
  if (issue.code === 'unrecognized_keys') {
    throw unsupportedField(fieldName([...issue.path, issue.keys[0]!]));
  }
  const where = field === '' ? 'the body' : field;
  throw new HearthError('REQUEST_INVALID', `${where}: ${issue.message}`, { field });
}

/** `messages[0].content` and the like. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name === '' ? String(key) : `${name}.${String(key)}`;
  }, '');
}

export function invalidField(field: string, message: string): HearthError {
  return new HearthError('REQUEST_INVALID', message, { field });
}
