import { lend } from '../lend/device.ts';
import { change, here, type Settings as Values, settings } from '../lend/settings.ts';

type Choices<Value extends string> = readonly (readonly [value: Value, text: string])[];

const efforts: Choices<string> = [
  ['1', 'All of the time'],
  ['0.75', 'Three quarters of the time'],
  ['0.5', 'Half of the time'],
  ['0.25', 'A quarter of the time'],
];

const gpuUses: Choices<Values['gpu']> = [
  ['auto', 'Where it saves time'],
  ['off', 'Never'],
  ['always', 'All that it has room for'],
];

/** Joins anew, as what it is to be from now on. */
function changeDevice(changes: Partial<Values>): void {
  change(changes);
  lend();
}

export function Settings() {
  const { name, threads, memoryBytes, effort, gpu, restsWhileHidden } = settings.value;
  return (
    <details class="settings">
      <summary>Settings</summary>
      <label class="field">
        <span>Name</span>
        <input
          value={name}
          maxLength={56}
          onChange={({ currentTarget }) => changeDevice({ name: currentTarget.value.trim() || 'browser' })}
        />
      </label>
      <label class="field">
        <span>{here.rung === 'isolated' ? 'Threads' : 'Ranks of one thread'}</span>
        <input
          type="number"
          min={1}
          max={here.processors}
          value={threads}
          onChange={({ currentTarget }) =>
            changeDevice({ threads: within(currentTarget.valueAsNumber, 1, here.processors) })
          }
        />
        <small>This device has {here.processors} processors. The system needs one too.</small>
      </label>
      <label class="field">
        <span>Memory, in MB</span>
        <input
          type="number"
          min={64}
          step={64}
          value={Math.round(memoryBytes / 1e6)}
          onChange={({ currentTarget }) =>
            changeDevice({ memoryBytes: 1e6 * within(currentTarget.valueAsNumber, 64, 16_000) })
          }
        />
        <small>Phones end pages that take much.</small>
      </label>
      <Choice
        name="Compute"
        value={String(effort)}
        choices={efforts}
        onChange={(value) => change({ effort: Number(value) })}
        remark="With breaks a device stays cool, and its battery lasts longer."
      />
      <Choice
        name="GPU"
        value={gpu}
        choices={gpuUses}
        onChange={(value) => changeDevice({ gpu: value })}
        remark="It computes a part beside the processor, to the same bits."
      />
      <label class="choice">
        <input
          type="checkbox"
          checked={restsWhileHidden}
          onChange={({ currentTarget }) => change({ restsWhileHidden: currentTarget.checked })}
        />
        Stand by while this page is hidden
      </label>
    </details>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  value: Value;
  choices: Choices<Value>;
  onChange: (value: Value) => void;
  remark: string;
}

function Choice<Value extends string>({ name, value, choices, onChange, remark }: ChoiceProps<Value>) {
  return (
    <label class="field">
      <span>{name}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as Value)}>
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
      <small>{remark}</small>
    </label>
  );
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(value) || least));
}
