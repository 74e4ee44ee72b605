/** What was typed and not sent, by conversation; it outlives the page. */
const prefix = 'hearth.draft.';

export function savedDraft(id: string | undefined): string {
  return localStorage.getItem(prefix + (id ?? 'new')) ?? '';
}

export function saveDraft(id: string | undefined, text: string): void {
  const key = prefix + (id ?? 'new');
  if (text === '') localStorage.removeItem(key);
  else localStorage.setItem(key, text);
}
