/** Where the keyboard leads. */
export const composerId = 'composer';
export const searchId = 'search';
