import { useSignal } from '@preact/signals';
import type { Settings } from '../../../conversations/conversation.ts';
import { saveSettings } from '../talk/actions.ts';
import { newSettings, shown } from '../talk/address.ts';
import { closeDialog, Dialog } from './dialog.tsx';
import { type Field, fields, type NumberSetting } from './sampling-fields.ts';
import { StopField } from './stop-field.tsx';

/** How this conversation is answered from now on. */
export function SettingsDialog() {
  const current = shown.value.head.value?.settings ?? newSettings.value;
  const changed = useSignal<Settings>(current);
  const timesReset = useSignal(0);
  const set = <Name extends keyof Settings>(name: Name, value: Settings[Name] | '') => {
    const { [name]: _, ...others } = changed.value;
    changed.value = value === undefined || value === '' ? others : { ...others, [name]: value };
  };
  const reset = () => {
    changed.value = {};
    timesReset.value += 1;
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
        <StopField key={timesReset.value} stop={changed.value.stop} onChange={(stop) => set('stop', stop)} />
        <div class="row">
          <button type="button" class="quiet" onClick={reset}>
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
