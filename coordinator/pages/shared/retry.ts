/** Between two attempts to connect; the first comes at once. */
const retryDelaysMs = [0, 300, 1000, 2000, 4000];

/** @param failures in a row before this one @returns how long to wait before the next attempt */
export function retryDelayMs(failures: number): number {
  return retryDelaysMs[Math.min(failures, retryDelaysMs.length - 1)]!;
}

/** After some time, or as soon as there is reason to hope: the network is back, or somebody looks. */
export function wakened(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(wake, delayMs);
    function wake(): void {
      clearTimeout(timer);
      removeEventListener('online', wake);
      document.removeEventListener('visibilitychange', wake);
      signal.removeEventListener('abort', wake);
      resolve();
    }
    addEventListener('online', wake);
    document.addEventListener('visibilitychange', wake);
    signal.addEventListener('abort', wake);
  });
}
