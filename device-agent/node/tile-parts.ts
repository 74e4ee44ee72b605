import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** No write of a tile takes longer: what is older was left behind, whoever has its writer's number now. */
const maxPartAgeMs = 3_600_000;

/** Where tiles lie until they are whole: on the disk that they will stay on, in one folder that is listed quickly. */
export function partsFolder(folder: string): string {
  return join(folder, 'parts');
}

/** A path that nobody else writes to, and that says whose it is. */
export function newPartPath(folder: string): string {
  return join(partsFolder(folder), `${process.pid}-${randomUUID()}`);
}

/** Removes what writers that have died left behind. What cannot be removed does no harm. */
export function removeDeadParts(folder: string): void {
  for (const name of partNames(folder)) {
    const path = join(partsFolder(folder), name);
    try {
      if (!isRunning(Number.parseInt(name, 10)) || isOld(path)) rmSync(path, { force: true });
    } catch {
      // Another's file, or a folder to read from only.
    }
  }
}

function partNames(folder: string): string[] {
  try {
    return readdirSync(partsFolder(folder));
  } catch {
    return [];
  }
}

function isOld(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > maxPartAgeMs;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of another user may not be asked, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
