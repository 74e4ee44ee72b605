import type { MarkedToken, Token } from 'marked';
import type { ComponentChildren } from 'preact';
import { readReferences } from './character-references.ts';
import { safeAddress } from './links.ts';

const maxDepth = 16;

export function Inline({
  tokens,
  depth = 0,
}: {
  tokens: readonly Token[];
  depth?: number;
}): ComponentChildren {
  return tokens.map((token, index) => <Span key={index} token={token as MarkedToken} depth={depth} />);
}

function Span({ token, depth }: { token: MarkedToken; depth: number }): ComponentChildren {
  if (depth > maxDepth) return token.raw;
  const inner = (tokens: readonly Token[]) => <Inline tokens={tokens} depth={depth + 1} />;
  switch (token.type) {
    case 'text':
      return token.tokens ? inner(token.tokens) : readReferences(token.text);
    case 'escape':
      return token.text;
    case 'strong':
      return <strong>{inner(token.tokens)}</strong>;
    case 'em':
      return <em>{inner(token.tokens)}</em>;
    case 'del':
      return <del>{inner(token.tokens)}</del>;
    case 'codespan':
      return <code>{token.text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return <Link href={token.href}>{inner(token.tokens)}</Link>;
    case 'image':
      // Never loaded: that alone would tell somebody that it was shown.
      return <Link href={token.href}>{token.text || token.href}</Link>;
    case 'checkbox':
      return null;
    default:
      return token.raw;
  }
}

/** Nothing is fetched before a person clicks, and the other side does not learn from where. */
function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const address = safeAddress(href);
  if (address === undefined) return <span>{children}</span>;
  return (
    <a href={address} title={address} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
