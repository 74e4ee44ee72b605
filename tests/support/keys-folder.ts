import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Keys of the processes that this one starts; no test touches those of the user. */
export const testKeysFolder = mkdtempSync(join(tmpdir(), 'hearth-keys-'));
process.on('exit', () => rmSync(testKeysFolder, { recursive: true, force: true }));
