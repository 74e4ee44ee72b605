const key = 'hearth.secret';

/**
 * The secret that the link of the page had behind its `#`, taken out of the address, so that it is in no history or
 * picture of the screen. It outlasts a reload until the device is paired.
 */
export function takeSecret(): string | undefined {
  const secret = location.hash.slice(1);
  if (secret) {
    sessionStorage.setItem(key, secret);
    history.replaceState(undefined, '', location.pathname);
  }
  return sessionStorage.getItem(key) ?? undefined;
}

/** It is needed no more. */
export function forgetSecret(): void {
  sessionStorage.removeItem(key);
}
