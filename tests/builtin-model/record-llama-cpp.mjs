// Records what llama.cpp answers, greedily, with the built-in model: `node tests/builtin-model/record-llama-cpp.mjs
// PATH/TO/llama-completion` rewrites llama-cpp-greedy.json, against which questions.test.ts compares Hearth's answers.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const model = here('../../models/hearth-ember.gguf');
const [llamaCompletion] = process.argv.slice(2);
const questions = JSON.parse(readFileSync(here('questions.json'), 'utf8'));

const endMark = / \[end of text\]\s*$/;

/** Sometimes the program ends before its last output is written; then it is asked again. */
function answer(question, tries = 5) {
  const prompt = `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;
  const options = ['--temp', '0', '-n', '120', '-t', '1', '-no-cnv', '--no-display-prompt'];
  const output = execFileSync(llamaCompletion, ['-m', model, '-p', prompt, ...options], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (endMark.test(output)) return output.replace(endMark, '');
  if (tries === 1) throw new Error(`no whole answer to: ${question}`);
  return answer(question, tries - 1);
}

const answers = questions.map(({ question }) => ({ question, answer: answer(question) }));
writeFileSync(here('llama-cpp-greedy.json'), `${JSON.stringify(answers, null, 2)}\n`);
