import { signal } from '@preact/signals';

/** What lies over the page. */
export const openDialog = signal<'add' | { readonly revoke: string } | undefined>(undefined);

export function closeDialog(): void {
  openDialog.value = undefined;
}
