import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { shown, shownId } from '../talk/address.ts';
import { Beginning } from './beginning.tsx';
import { DownIcon } from '../../shared/icons.tsx';
import { MessageView } from './message.tsx';

/** Pixels from the end within which the view stays at the end. */
const nearEnd = 60;

export function Messages() {
  const scroller = useRef<HTMLElement>(null);
  const atEnd = useSignal(true);
  const store = shown.value;
  const ids = useComputed(() => shown.value.branch.value);
  useFollowing(scroller, atEnd);
  const toEnd = () => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  if (shownId.value === undefined) return <Beginning />;
  return (
    <div class="scroller">
      <section
        ref={scroller}
        class="messages"
        tabIndex={0}
        aria-label="Conversation"
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          atEnd.value = scrollHeight - scrollTop - clientHeight < nearEnd;
        }}
      >
        <div class="column">
          {ids.value.map((id) => (
            <MessageView key={id} message={store.message(id)} />
          ))}
        </div>
      </section>
      {!atEnd.value && (
        <button type="button" class="to-end" aria-label="To the latest message" onClick={toEnd}>
          <DownIcon />
        </button>
      )}
    </div>
  );
}

/** Keeps the end in view while text comes, unless the reader has scrolled away from it. */
function useFollowing(
  scroller: { current: HTMLElement | null },
  atEnd: { value: boolean; peek(): boolean },
): void {
  useEffect(() => {
    const element = scroller.current;
    const content = element?.firstElementChild;
    if (!element || !content) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.peek()) element.scrollTop = element.scrollHeight;
    });
    observer.observe(content);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, atEnd]);
  // Who asks wants to see the answer.
  const length = useRef(0);
  useSignalEffect(() => {
    const now = shown.value.branch.value.length;
    if (now > length.current) atEnd.value = true;
    length.current = now;
  });
}
