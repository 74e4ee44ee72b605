import type { ComponentChildren, VNode } from 'preact';
import { CodeBlock } from '../../coordinator/pages/chat/markdown/code-block.tsx';
import { Markdown } from '../../coordinator/pages/chat/markdown/markdown.tsx';

/** Elements as text, without a browser: names and attributes as they are, texts in quotes. */
export function drawn(text: string, growing = false): string {
  return write(<Markdown text={text} growing={growing} />);
}

type Props = Record<string, unknown> & { children?: ComponentChildren };

function write(content: ComponentChildren): string {
  if (content === null || content === undefined || typeof content === 'boolean') return '';
  if (Array.isArray(content)) return content.map(write).join('');
  if (typeof content !== 'object') return JSON.stringify(String(content));
  const { type, props } = content as VNode<Props>;
  // It has a state, which needs a browser.
  if (type === (CodeBlock as unknown))
    return `<code-block ${props.language} ${JSON.stringify(props.code)} open=${props.open}>`;
  if (typeof type === 'function') return write(called(type as unknown as Callable, props));
  const { children, ...attributes } = props;
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value}`);
  return `<${type}${written.join('')}>${write(children)}</${type}>`;
}

interface Callable {
  (props: Props): ComponentChildren;
  readonly prototype: { render?: unknown } | undefined;
}

function called(type: Callable, props: Props): ComponentChildren {
  if (!type.prototype?.render) return type(props);
  const Class = type as unknown as new (props: Props) => { props: Props; render: () => ComponentChildren };
  const instance = new Class(props);
  instance.props = props;
  return instance.render();
}
