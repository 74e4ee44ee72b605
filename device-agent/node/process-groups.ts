import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where Linux tells of groups of processes with limits of their own: containers, services, users. */
const groupsRoot = '/sys/fs/cgroup';

/** Folders of the groups that this process belongs to for something that is limited, in either version of Linux's. */
export function groupFolders(controller: 'memory' | 'cpu'): string[] {
  return readIf('/proc/self/cgroup')
    .split('\n')
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (path === undefined) return [];
      if (controllers === '') return foldersUpTo(groupsRoot, path);
      return controllers!.split(',').includes(controller)
        ? foldersUpTo(join(groupsRoot, controller), path)
        : [];
    });
}

/** In a container the path may be that of the host, and the root the container's own. */
function foldersUpTo(root: string, path: string): string[] {
  const folders = [root];
  for (let folder = join(root, path); folder.length > root.length; folder = dirname(folder))
    if (existsSync(folder)) folders.push(folder);
  return folders;
}

/** What a file says, trimmed; nothing if it is not there. */
export function readIf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
