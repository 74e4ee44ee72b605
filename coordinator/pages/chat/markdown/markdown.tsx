import type { MarkedToken, Token } from 'marked';
import { Component, type ComponentChildren } from 'preact';
import { BlockContent } from './blocks.tsx';
import { BoundedLexer } from './bounded-lexer.ts';

/** Text that is longer is shown as it stands: reading it would hold the page up. */
const maxLength = 300_000;

/**
 * Markdown as elements, without a way through HTML: what a model writes of tags is text like any other. What is written
 * so far is read again for each piece that comes, but only blocks that have changed are drawn again.
 * @param growing whether more text is to come
 */
export function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const blocks = blocksOf(text);
  if (!blocks) return <p class="plain">{text}</p>;
  return (
    <div class="markdown">
      {blocks.map((block, index) => (
        <Block key={index} block={block} open={growing && index === blocks.length - 1} />
      ))}
    </div>
  );
}

/** @returns undefined where the text cannot be read: a model may nest things without end */
function blocksOf(text: string): MarkedToken[] | undefined {
  if (text.length > maxLength) return undefined;
  try {
    const blocks = new BoundedLexer().lex(text) as Token[] as MarkedToken[];
    return blocks.filter(({ type }) => type !== 'space');
  } catch {
    return undefined;
  }
}

interface BlockProps {
  block: MarkedToken;
  /** More of it may come. */
  open: boolean;
}

class Block extends Component<BlockProps> {
  override shouldComponentUpdate({ block, open }: BlockProps): boolean {
    return (
      block.raw !== this.props.block.raw || block.type !== this.props.block.type || open !== this.props.open
    );
  }

  override render(): ComponentChildren {
    return <BlockContent block={this.props.block} open={this.props.open} depth={0} />;
  }
}
