import { readFileSync } from 'node:fs';

/**
 * Bytes that this process has had read from the disk, all threads together; what came from the system's copies in
 * memory does not count. Linux tells it; elsewhere undefined.
 */
export function diskBytes(): number | undefined {
  try {
    const [, bytes] = /^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1')) ?? [];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}
