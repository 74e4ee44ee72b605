import { parseExport } from '../../../coordinator/conversations/export-format.ts';
import { journalHead, journalLine, parseJournal } from '../../../coordinator/pull/journal.ts';
import { readDevices } from '../../../runtime/plan/read-devices.ts';
import { typicalKinds } from '../../../runtime/plan/typical-devices.ts';
import { drawn } from '../../pages/drawn.tsx';
import { conversation } from '../conversation.ts';
import { textMutator } from '../mutate-text.ts';
import { json, valueMutator } from '../mutate-value.ts';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';

/** The list of devices that `hearth plan` takes. */
export function devicesTarget(): Target {
  const rates = { decodeBytesPerSecond: 1e10, prefillFlopsPerSecond: 1e11 };
  const link = { rttMs: 0.5, rttP95Ms: 1, upBytesPerSecond: 1e8, downBytesPerSecond: 1e8 };
  const own = {
    name: 'den',
    threads: 4,
    memoryBytes: 8e9,
    kernels: { Q4_0: rates, Q8_0: rates },
    attentionBytesPerSecond: 1e10,
    diskBytesPerSecond: 1e9,
    syncMs: 0.1,
    link: null,
  };
  const liked = typicalKinds.map((like) => ({ like, name: like, link }));
  return {
    seeds: [json.print([own, { ...own, name: 'hall', link }]), json.print([own, ...liked])],
    mutate: valueMutator(json),
    read: (input) => `${readDevices(parsed(input)).length} devices`,
  };
}

/** Conversations that somebody brings along. */
export function importTarget(): Target {
  const whole = { format: 'hearth-conversations', version: 1, conversations: [conversation, conversation] };
  return {
    seeds: [json.print(whole)],
    mutate: valueMutator(json),
    read: (input) => `${parseExport(parsed(input)).length} conversations`,
  };
}

/** What a download that was killed has left behind. */
export function pullJournalTarget(): Target {
  const sha256 = 'ab'.repeat(32);
  const head = journalHead(
    { url: 'https://example.org/a.gguf', bytes: 5_000, sha256, validator: '"x"' },
    1_000,
  );
  return {
    seeds: [bytesOfText(head + [0, 1, 4].map((i) => journalLine(i, sha256)).join(''))],
    mutate: textMutator(['{"chunk":', ',"sha256":"', sha256, '\n', '{"format":"hearth-pull-1"']),
    read: (input) => `${parseJournal(textOfBytes(input))?.chunks.size} chunks`,
  };
}

/** What a model writes, as the chat page shows it. */
export function markdownTarget(): Target {
  const seeds = [
    '# Title\n\nA *word* and **two** `code` [link](https://a.example/b?c) ![x](y)\n\n1. one\n   - two\n\n> said\n',
    '| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```ts\nconst x = 1;\n```\n\n- [ ] task\n- [x] done\n\n&amp; &#x41; <b>no</b>\n',
  ];
  const words = [
    '*',
    '**',
    '_',
    '`',
    '```',
    '[',
    '](',
    ')',
    '![',
    '|',
    '---',
    '> ',
    '- ',
    '1. ',
    '<',
    '&#',
    ';',
    '~~',
    '\n\n',
    '    ',
    'http://',
    '\\',
    '<!--',
    '[a]: ',
  ];
  return {
    seeds: seeds.map(bytesOfText),
    mutate: textMutator(words),
    read: (input) => {
      const html = drawn(textOfBytes(input));
      return `${[...new Set(html.match(/<[a-z0-9-]+/g))].sort().join('').slice(0, 60)}`;
    },
  };
}

/** JSON is what its reader has; a text that is none is told by others. */
function parsed(input: Uint8Array): unknown {
  try {
    return json.parse(input);
  } catch {
    return undefined;
  }
}
