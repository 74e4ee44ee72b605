/** A byte order mark is a character like others. */
export const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
/** Throws at what is not UTF-8. */
export const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
