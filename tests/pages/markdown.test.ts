import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readReferences } from '../../coordinator/pages/chat/markdown/character-references.ts';
import { safeAddress } from '../../coordinator/pages/chat/markdown/links.ts';
import { drawn } from './drawn.tsx';

const inside = (text: string, growing = false) =>
  drawn(text, growing).replace(/^<div class=markdown>([\s\S]*)<\/div>$/, '$1');

describe('markdown becomes elements', () => {
  it.each([
    [
      'a **b** _c_ ~~d~~ `e`',
      '<p>"a "<strong>"b"</strong>" "<em>"c"</em>" "<del>"d"</del>" "<code>"e"</code></p>',
    ],
    ['# One\n\n### Three', '<h3>"One"</h3><h4>"Three"</h4>'],
    ['one\ntwo', '<p>"one"<br></br>"two"</p>'],
    ['- a\n- b', '<ul><li>"a"</li><li>"b"</li></ul>'],
    ['3. a\n4. b', '<ol start=3><li>"a"</li><li>"b"</li></ol>'],
    ['> a', '<blockquote><p>"a"</p></blockquote>'],
    ['***', '<hr></hr>'],
    ['a &lt; b &amp;amp;', '<p>"a < b &amp;"</p>'],
  ])('%j', (text, elements) => {
    expect(inside(text)).toBe(elements);
  });

  it('code as it stands, with its language', () => {
    expect(inside('```ts\nlet a = "<b>";\n```')).toBe('<code-block ts "let a = \\"<b>\\";" open=false>');
  });

  it('code whose end is still to come', () => {
    expect(inside('Look:\n\n```ts\nlet a', true)).toContain('<code-block ts "let a" open=true>');
    expect(inside('```ts\nlet a\n```\n\nThat', true)).toContain('open=false');
  });

  it('tables with their alignment', () => {
    const table = inside('| a | b |\n|--|--:|\n| 1 | 2 |');
    expect(table).toContain('<th>"a"</th><th class=to-right>"b"</th>');
    expect(table).toContain('<td>"1"</td><td class=to-right>"2"</td>');
  });
});

describe('what is hostile', () => {
  it.each([
    '<script>x</script>',
    'a <b onclick="x">b</b>',
    '<img src=x onerror=y>',
    '<!-- a -->',
    '<svg/onload=x>',
  ])('%s is text', (text) => {
    const elements = inside(text);
    expect(elements.replace(/"(?:[^"\\]|\\.)*"/g, '')).toMatch(/^(<\/?p[^>]*>)*$/);
    const texts = [...elements.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([quoted]) => JSON.parse(quoted));
    expect(texts.join('')).toBe(text);
  });

  it.each([
    'javascript:x',
    ' JavaScript:x',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    '/relative',
    'x',
  ])('a link to %s is none', (address) => {
    expect(safeAddress(address)).toBe(undefined);
    expect(inside(`[a](<${address}>)`)).not.toContain('href');
  });

  it('links lead where they say, and images are links', () => {
    const link = inside('[a](https://example.org "t")');
    expect(link).toContain('href=https://example.org title=https://example.org target=_blank rel=noopener');
    expect(inside('![a](https://example.org/p.png)')).toContain('<a href=https://example.org/p.png');
  });

  it.each([
    ['emphasis', '**two*nd '],
    ['struck text', '~~a~'],
    ['spaces', ' '],
    ['what may be an address', 'a'],
  ])('%s without end is shown as it stands, and soon', (_, again) => {
    const endless = `x${again.repeat(60_000 / again.length)}@b`;
    const startedUs = process.cpuUsage();
    const elements = inside(`*one*\n\n${endless}\n\n*two*`);
    const { user, system } = process.cpuUsage(startedUs);
    expect(elements).toBe(`<p><em>"one"</em></p><p>${JSON.stringify(endless)}</p><p><em>"two"</em></p>`);
    // Without a bound it takes 3 to 60 s.
    expect((user + system) / 1e6).toBeLessThan(2);
  });

  it('nesting without end is shown, somehow', () => {
    for (const piece of ['> ', '- ', '[', '*a **b ', '!['])
      expect(drawn(piece.repeat(5000)).length).toBeGreaterThan(20);
    expect(drawn('x'.repeat(400_000))).toMatch(/^<p class=plain>/);
  });

  it('no text makes any element but those of markdown', () => {
    const piece = fc.oneof(
      fc.constantFrom('<', '>', '"', '[', ']', '(', ')', '*', '`', '\n', '&', '!', '#', '|', '-'),
      fc.string(),
    );
    const known =
      /^(a|p|br|hr|em|strong|del|code|ul|ol|li|input|table|thead|tbody|tr|th|td|section|blockquote|span|div|h[3-6]|code-block)$/;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const elements = drawn(pieces.join('')).replace(/"(?:[^"\\]|\\.)*"/g, '');
        const names = [...elements.matchAll(/<\/?([\w-]+)/g)].map(([, name]) => name!);
        return names.every((name) => known.test(name));
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});

it('character references are read, and others left', () => {
  expect(readReferences('&amp; &#65; &#x1F600; &hellip; &unknown; &#0; &#x110000; &constructor; &')).toBe(
    '& A 😀 … &unknown; &#0; &#x110000; &constructor; &',
  );
});
