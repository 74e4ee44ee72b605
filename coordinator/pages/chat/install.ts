interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): {
    createScriptURL(url: string): string;
  };
}

declare global {
  interface Window {
    /** Where the browser knows them, a script's address must come from a policy that the server allows. */
    readonly trustedTypes?: TrustedTypes;
  }
}

const worker = 'service-worker.js';

/** Keeps the page itself for when the coordinator is away. Browsers allow that only on this machine or with TLS. */
export function installServiceWorker(): void {
  if (!('serviceWorker' in navigator)) return;
  const policy = window.trustedTypes?.createPolicy('service-worker', { createScriptURL: () => worker });
  navigator.serviceWorker.register(policy?.createScriptURL(worker) ?? worker).catch((error: unknown) => {
    console.warn('the page cannot be kept for later', error);
  });
}
