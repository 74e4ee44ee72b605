import { expect } from 'vitest';

/** Asks a coordinator what its pages ask it. */
export async function callApi<T>(url: string, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${url}/api/${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  expect(response.status, path).toBeLessThan(300);
  return (await response.json()) as T;
}
