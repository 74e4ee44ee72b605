import type { Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

interface TextAreaProps {
  label: string;
  text: Signal<string>;
  placeholder?: string;
  id?: string;
  onSend: () => unknown;
  onCancel?: () => void;
}

/** Grows with its text. Enter sends, Shift and Enter begin a line; on a phone, whose keyboard has no Shift, Enter does too. */
export function TextArea({ label, text, placeholder = '', id, onSend, onCancel }: TextAreaProps) {
  const element = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const area = element.current!;
    // On a phone that would bring up the keyboard, over half of what there is to read.
    if (!onCancel && isTouched()) return;
    area.focus({ preventScroll: true });
    area.setSelectionRange(area.value.length, area.value.length);
  }, []);
  useLayoutEffect(() => {
    const area = element.current!;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text.value]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && onCancel) {
      event.stopPropagation();
      onCancel();
    }
    // While a composed letter (Chinese, Japanese) is being chosen, Enter chooses it.
    if (event.key !== 'Enter' || event.isComposing) return;
    const sends = event.ctrlKey || event.metaKey || (!event.shiftKey && !isTouched());
    if (!sends) return;
    event.preventDefault();
    void onSend();
  };
  return (
    <textarea
      ref={element}
      id={id}
      rows={1}
      aria-label={label}
      placeholder={placeholder}
      maxLength={1_000_000}
      value={text.value}
      onInput={({ currentTarget }) => {
        text.value = currentTarget.value;
      }}
      onKeyDown={onKeyDown}
    />
  );
}

function isTouched(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}
