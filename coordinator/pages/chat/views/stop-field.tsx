import { useSignal } from '@preact/signals';
import { stopLines, stopProblem, stopStrings } from './stop-strings.ts';

interface StopFieldProps {
  stop: string | readonly string[] | undefined;
  onChange: (stop: string[] | undefined) => void;
}

/** Strings that end an answer, a line each. What is written stays as it is, an empty line too: `stop` is what it begins with. */
export function StopField({ stop, onChange }: StopFieldProps) {
  const lines = useSignal(stopLines(stop));
  return (
    <label class="field">
      <span>Stop at</span>
      <textarea
        rows={2}
        placeholder="nothing but the end of the answer"
        aria-describedby="hint-stop"
        value={lines.value}
        onInput={({ currentTarget }) => {
          const strings = stopStrings(currentTarget.value);
          lines.value = currentTarget.value;
          currentTarget.setCustomValidity(stopProblem(strings));
          onChange(strings.length > 0 ? strings : undefined);
        }}
      />
      <small id="hint-stop">a line for each text at which answers end; a line break in it is \n</small>
    </label>
  );
}
