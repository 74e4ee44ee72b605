/** What a thread of a process takes of its memory, beside the rank's. */
export const threadBytes = 8 << 20;
