import { ask } from '../talk/actions.ts';
import { model } from '../talk/server.ts';
import { FlameIcon } from '../../shared/icons.tsx';

/** What the built-in model was made to answer. */
const builtInModel = 'hearth-ember';
const questions = [
  'What is Hearth?',
  'How do I use a real model?',
  'How do I use my old laptop too?',
  'Does anything leave my network?',
];

/** Before the first question. */
export function Beginning() {
  return (
    <div class="beginning">
      <FlameIcon />
      <p class="greeting">What would you like to talk about?</p>
      <p class="promise">Everything stays on your own devices.</p>
      {model.value?.id === builtInModel && (
        <ul>
          {questions.map((question) => (
            <li key={question}>
              <button type="button" onClick={() => void ask(question, null)}>
                {question}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
