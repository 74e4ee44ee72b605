import { readFileSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** @returns a command that runs another in a control group */
export function inFolder(folder, command) {
  return ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$@"`, 'sh', ...command];
}

/** Removes a control group when its processes have ended. */
export async function removeFolder(folder) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (readFileSync(`${folder}/cgroup.procs`, 'utf8').trim() === '') break;
    await sleep(50);
  }
  rmdirSync(folder);
}
