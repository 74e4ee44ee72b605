import { signal } from '@preact/signals';

/** Id of the question that is being changed. */
export const editing = signal<string | undefined>(undefined);
