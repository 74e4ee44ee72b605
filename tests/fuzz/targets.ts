import type { Target } from './target.ts';
import { filesTarget } from './targets/files.ts';
import { frameTarget } from './targets/frame.ts';
import { ggufTarget } from './targets/gguf.ts';
import { httpTarget } from './targets/http.ts';
import { memberTarget } from './targets/member.ts';
import { mdnsTarget, pullTarget } from './targets/network.ts';
import { packTarget } from './targets/pack.ts';
import { greetTarget, knockTarget, sealedTarget } from './targets/secure.ts';
import { sessionTarget } from './targets/session.ts';
import { templateTarget } from './targets/template.ts';
import { devicesTarget, importTarget, markdownTarget, pullJournalTarget } from './targets/text.ts';
import { textTarget, vocabularyTarget } from './targets/tokenizer.ts';

/** Every door, by name. */
export const targets: Readonly<Record<string, () => Target | Promise<Target>>> = {
  gguf: ggufTarget,
  vocabulary: vocabularyTarget,
  text: textTarget,
  frame: frameTarget,
  sealed: sealedTarget,
  greet: greetTarget,
  knock: knockTarget,
  session: sessionTarget,
  member: memberTarget,
  http: httpTarget,
  template: templateTarget,
  files: filesTarget,
  pack: packTarget,
  devices: devicesTarget,
  import: importTarget,
  'pull-journal': pullJournalTarget,
  pull: pullTarget,
  mdns: mdnsTarget,
  markdown: markdownTarget,
};
