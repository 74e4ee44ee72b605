/** All that sessions and the cluster know of time; tests bring their own. */
export interface Clock {
  /** Monotonic. */
  nowMs(): number;
  /** Runs a task again and again. @returns what stops it */
  every(periodMs: number, task: () => void): () => void;
  /** Runs a task after those that wait already, messages among them. */
  soon(task: () => void): void;
}

/** Runs a task once, after so long. @returns what stops it */
export function once(clock: Clock, delayMs: number, task: () => void): () => void {
  const stop = clock.every(delayMs, () => {
    stop();
    task();
  });
  return stop;
}

/**
 * A clock that the threads of one device agree on.
 * @param originMs `performance.timeOrigin` of the thread whose time it tells, in milliseconds since that
 */
export function threadClock(originMs: number): () => number {
  const aheadMs = performance.timeOrigin - originMs;
  return () => performance.now() + aheadMs;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  every: (periodMs, task) => {
    const timer = setInterval(task, periodMs);
    return () => clearInterval(timer);
  },
  soon,
};

/** Not a timer of 0 ms, which waits for 1 and in browsers for 4. */
function soon(task: () => void): void {
  if (typeof setImmediate === 'function') {
    setImmediate(task);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(undefined);
}
