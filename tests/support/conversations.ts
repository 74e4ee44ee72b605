import { readFileSync } from 'node:fs';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Topic {
  readonly name: string;
  readonly answer: string;
}

/** What the built-in model and its sparse sibling answer. */
const topics: readonly Topic[] = ['use', 'talk', 'other'].flatMap((kind) =>
  [...read(`models/data/topics-${kind}.txt`).matchAll(/^== (\S+).*\n> (.*)$/gm)].map(([, name, answer]) => ({
    name: name!,
    answer: answer!,
  })),
);

const conversation = (question: string, answer: string) =>
  `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n${answer}<|im_end|>\n`;

/** Questions that both were trained on, every so many-th, with their answers. */
export function trainedConversations(every: number): string {
  const found: string[] = [];
  for (const kind of ['use', 'talk']) {
    let answer = '';
    for (const line of read(`models/data/questions-${kind}.txt`).split('\n')) {
      const [, name] = /^== (\S+)/.exec(line) ?? [];
      if (name) answer = topics.find((topic) => topic.name === name)!.answer;
      else if (answer !== '' && line !== '' && !line.startsWith('#')) found.push(conversation(line, answer));
    }
  }
  // Neighbours are of one topic: a stride that is no divisor mixes them.
  return found
    .map((_, i) => found[(i * 7919) % found.length]!)
    .filter((_, i) => i % every === 0)
    .join('');
}

/** Questions that neither was trained on, with the right answers. */
export function newConversations(): string {
  const dev = read('models/data/dev.txt')
    .split('\n')
    .map((line) => line.split('\t'))
    .flatMap(([name, question]) => {
      const topic = topics.find((it) => it.name === name);
      return topic && question ? [conversation(question, topic.answer)] : [];
    });
  const questions: { question: string; expect: string[] }[] = JSON.parse(
    read('tests/builtin-model/questions.json'),
  );
  const held = questions.flatMap(({ question, expect }) => {
    const right = topics.find(({ answer }) => expect.every((part) => new RegExp(part, 'i').test(answer)));
    return right ? [conversation(question, right.answer)] : [];
  });
  return [...dev, ...held].join('');
}
