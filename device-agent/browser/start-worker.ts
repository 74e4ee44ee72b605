/** Scripts beside the page's. */
export type WorkerName = 'driver' | 'compute-worker' | 'loader-worker' | 'probe-worker';

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** Where the browser knows them, a script's address must come from a policy that the server allows. */
const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
const policy = trustedTypes?.createPolicy('workers', { createScriptURL: (url) => url });

/** Starts a worker of this page, also from another worker. */
export function startWorker(name: WorkerName): Worker {
  const url = new URL(`${name}.js`, self.location.href).href;
  return new Worker(policy?.createScriptURL(url) ?? url, { name });
}
