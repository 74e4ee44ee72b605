import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/**
 * Has V8 collect this thread's garbage now. A thread that from then on only computes gives V8 no occasion of its own, and
 * would keep what loading left behind: buffers of files, several MB.
 */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    // The function is in contexts that are made after the flag was set.
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
