import { common, createLowlight } from 'lowlight';
import type { ComponentChildren } from 'preact';

const lowlight = createLowlight(common);

/** The little that is used of a tree of lowlight's. */
interface Node {
  readonly type: string;
  readonly value?: string;
  readonly properties?: { readonly className?: unknown };
  readonly children?: readonly Node[];
}

/** @returns undefined of a language that is not known */
export function highlight(code: string, language: string): ComponentChildren {
  if (!lowlight.registered(language)) return undefined;
  return elements(lowlight.highlight(language, code) as Node);
}

function elements({ type, value, properties, children }: Node): ComponentChildren {
  if (type === 'text') return value;
  const inner = children?.map(elements);
  const names = properties?.className;
  return Array.isArray(names) ? <span class={names.join(' ')}>{inner}</span> : inner;
}
