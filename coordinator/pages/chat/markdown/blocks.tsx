import type { MarkedToken, Token, Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { CodeBlock } from './code-block.tsx';
import { Inline } from './inline.tsx';

/** Deeper nesting is shown as it stands. */
const maxDepth = 16;

interface BlockProps {
  block: MarkedToken;
  open: boolean;
  depth: number;
}

export function BlockContent({ block, open, depth }: BlockProps): ComponentChildren {
  if (depth > maxDepth) return block.raw;
  switch (block.type) {
    case 'heading':
      return <Heading {...block} />;
    case 'paragraph':
      return (
        <p>
          <Inline tokens={block.tokens} />
        </p>
      );
    case 'text':
      return block.tokens ? <Inline tokens={block.tokens} /> : block.text;
    case 'code':
      return <CodeBlock code={block.text} language={block.lang ?? ''} open={open} />;
    case 'blockquote':
      return (
        <blockquote>
          <Blocks tokens={block.tokens} open={open} depth={depth + 1} />
        </blockquote>
      );
    case 'list':
      return <List list={block} open={open} depth={depth} />;
    case 'table':
      return <Table {...block} />;
    case 'hr':
      return <hr />;
    case 'space':
    case 'def':
    case 'checkbox':
      return null;
    default:
      // HTML, which is text here.
      return <p class="plain">{block.raw.trimEnd()}</p>;
  }
}

function Blocks({ tokens, open, depth }: { tokens: readonly Token[]; open: boolean; depth: number }) {
  return tokens.map((token, index) => (
    <BlockContent
      key={index}
      block={token as MarkedToken}
      open={open && index === tokens.length - 1}
      depth={depth}
    />
  ));
}

/** Under the headings of the page, which are of levels 1 and 2. Answers begin with a first level or a second one. */
function Heading({ depth, tokens }: Tokens.Heading) {
  const Tag = `h${Math.min(6, Math.max(3, depth + 1))}` as 'h3';
  return (
    <Tag>
      <Inline tokens={tokens} />
    </Tag>
  );
}

function List({ list, open, depth }: { list: Tokens.List; open: boolean; depth: number }) {
  const items = list.items.map((item, index) => (
    <li key={index} class={item.task ? 'task' : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label="Task" />}
      <Blocks tokens={item.tokens} open={open && index === list.items.length - 1} depth={depth + 1} />
    </li>
  ));
  if (!list.ordered) return <ul>{items}</ul>;
  return <ol start={typeof list.start === 'number' ? list.start : 1}>{items}</ol>;
}

function Table({ header, align, rows }: Tokens.Table) {
  const cell = (Tag: 'th' | 'td') => (content: Tokens.TableCell, index: number) => (
    <Tag key={index} class={align[index] ? `to-${align[index]}` : undefined}>
      <Inline tokens={content.tokens} />
    </Tag>
  );
  return (
    <section class="table" tabIndex={0} aria-label="Table">
      <table>
        <thead>
          <tr>{header.map(cell('th'))}</tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>{row.map(cell('td'))}</tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
