import { HearthError } from '../../runtime/error.ts';
import type { Target } from './target.ts';

/** Whether an input may end so. */
export function isRefusal(error: unknown): error is HearthError {
  return error instanceof HearthError && error.code !== 'INTERNAL';
}

/** How an input ends. @throws whatever is no refusal */
export async function outcomeOf(target: Target, input: Uint8Array): Promise<string> {
  try {
    return await target.read(input);
  } catch (error) {
    if (isRefusal(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}
