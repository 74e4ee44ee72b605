import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { copy } from '../talk/actions.ts';
import { CheckIcon, CopyIcon } from '../../shared/icons.tsx';

/** Longer code stays without colours. */
const maxHighlighted = 50_000;

interface CodeBlockProps {
  code: string;
  /** As the fence says: `ts`, `python title=x`. */
  language: string;
  /** More of it may come: colours wait for the end. */
  open: boolean;
}

export function CodeBlock({ code, language, open }: CodeBlockProps) {
  const name = language.split(/\s/)[0] ?? '';
  const figure = useRef<HTMLElement>(null);
  const seen = useSeen(figure);
  const coloured = useColours(code, name, seen && !open);
  const [copied, setCopied] = useState(false);
  const copyCode = async () => {
    if (!(await copy(code))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <figure class="code" ref={figure}>
      <figcaption>
        <span>{name || 'text'}</span>
        <button type="button" class="quiet" onClick={copyCode}>
          {copied ? <CheckIcon /> : <CopyIcon />}
          {copied ? 'Copied' : 'Copy'}
        </button>
      </figcaption>
      <pre tabIndex={0} role="group" aria-label={name ? `Code in ${name}` : 'Code'}>
        <code>{coloured ?? code}</code>
      </pre>
    </figure>
  );
}

/** The highlighter is fetched with the first code there is. @returns undefined until there are colours */
function useColours(code: string, name: string, wished: boolean): ComponentChildren {
  const [coloured, setColoured] = useState<{ code: string; content: ComponentChildren }>();
  useEffect(() => {
    if (!wished || name === '' || code.length > maxHighlighted) return;
    let wanted = true;
    import('./highlight.tsx').then(
      ({ highlight }) => wanted && setColoured({ code, content: highlight(code, name) }),
      // Away from the coordinator it may be missing; code is code without it.
      () => {},
    );
    return () => {
      wanted = false;
    };
  }, [code, name, wished]);
  return coloured?.code === code ? coloured.content : undefined;
}

/** Whether an element has been in view: of a long conversation most never is. */
function useSeen(element: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (seen || !element.current) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true);
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, seen]);
  return seen;
}
