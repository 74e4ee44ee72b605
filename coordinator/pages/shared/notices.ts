import { signal } from '@preact/signals';

/** What went wrong last, until it is put away. */
export const problem = signal<string | undefined>(undefined);
/** What a screen reader says next. */
export const announcement = signal('');

/** Runs what a person asked for; what goes wrong is shown. @returns whether it went well */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    problem.value = undefined;
    return true;
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
    return false;
  }
}

export function announce(text: string): void {
  announcement.value = text;
}
