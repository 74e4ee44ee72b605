/**
 * Copies text. On a plain http:// address of the network browsers have no clipboard for pages; there the old way works, by a
 * selection.
 * @throws Error where neither does
 */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.setAttribute('aria-hidden', 'true');
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('This browser does not let the page copy.');
}
