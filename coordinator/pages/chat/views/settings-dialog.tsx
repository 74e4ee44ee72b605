import { useSignal } from '@preact/signals';
import type { Settings } from '../../../conversations/conversation.ts';
import { saveSettings } from '../talk/actions.ts';
import { newSettings, shown } from '../talk/address.ts';
import { closeDialog, Dialog } from './dialog.tsx';

type NumberSetting =
  | 'temperature'
  | 'top_k'
  | 'top_p'
  | 'min_p'
  | 'repetition_penalty'
  | 'max_tokens'
  | 'seed';

interface Field {
  readonly name: NumberSetting;
  readonly label: string;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  /** What is taken where nothing is given. */
  readonly standard: string;
}

/** Ranges and defaults are those of docs/api.md. */
const fields: readonly Field[] = [
  {
    name: 'temperature',
    label: 'Temperature',
    hint: '0 is always the same answer',
    min: 0,
    max: 2,
    step: 'any',
    standard: '0.8',
  },
  {
    name: 'top_p',
    label: 'Top-p',
    hint: 'likeliest tokens up to this share',
    min: 0,
    max: 1,
    step: 'any',
    standard: '0.95',
  },
  {
    name: 'top_k',
    label: 'Top-k',
    hint: 'so many likeliest tokens',
    min: 0,
    max: 2097152,
    step: 1,
    standard: '40',
  },
  {
    name: 'min_p',
    label: 'Min-p',
    hint: 'as likely relative to the first',
    min: 0,
    max: 1,
    step: 'any',
    standard: '0.05',
  },
  {
    name: 'repetition_penalty',
    label: 'Repetition penalty',
    hint: '1 is none',
    min: 0.01,
    max: 100,
    step: 'any',
    standard: '1',
  },
  {
    name: 'max_tokens',
    label: 'Longest answer',
    hint: 'in tokens',
    min: 1,
    max: 2147483647,
    step: 1,
    standard: 'no limit',
  },
  {
    name: 'seed',
    label: 'Seed',
    hint: 'the same one repeats an answer',
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    standard: 'random',
  },
];

/** How this conversation is answered from now on. */
export function SettingsDialog() {
  const current = shown.value.head.value?.settings ?? newSettings.value;
  const changed = useSignal<Settings>(current);
  const set = (name: keyof Settings, value: string | number | undefined) => {
    const { [name]: _, ...others } = changed.value;
    changed.value = value === undefined || value === '' ? others : { ...others, [name]: value };
  };
  const save = async () => {
    if (await saveSettings(changed.value)) closeDialog();
  };
  return (
    <Dialog title="System prompt and sampling">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label class="field">
          <span>System prompt</span>
          <textarea
            rows={5}
            placeholder="What the model should know or be, for example: Answer briefly, in German."
            value={changed.value.system ?? ''}
            onInput={({ currentTarget }) => set('system', currentTarget.value)}
          />
        </label>
        <div class="numbers">
          {fields.map((field) => (
            <NumberField key={field.name} field={field} value={changed.value[field.name]} onChange={set} />
          ))}
        </div>
        <div class="row">
          <button type="button" class="quiet" onClick={() => (changed.value = {})}>
            Defaults
          </button>
          <button type="submit" class="main">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface NumberFieldProps {
  field: Field;
  value: number | undefined;
  onChange: (name: NumberSetting, value: number | undefined) => void;
}

function NumberField({
  field: { name, label, hint, standard, ...range },
  value,
  onChange,
}: NumberFieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        inputMode="decimal"
        placeholder={standard}
        aria-describedby={`hint-${name}`}
        {...range}
        value={value ?? ''}
        onInput={({ currentTarget: { value: text, valueAsNumber } }) =>
          onChange(name, text === '' ? undefined : valueAsNumber)
        }
      />
      <small id={`hint-${name}`}>{hint}</small>
    </label>
  );
}
