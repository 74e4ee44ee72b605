/** A file that is open for a worker to read and write without a wait; the types of pages do not have it. */
export interface PrivateFile {
  getSize(): number;
  /** @returns how many bytes there were */
  read(target: Uint8Array, place: { readonly at: number }): number;
  write(bytes: Uint8Array, place: { readonly at: number }): number;
  truncate(byteLength: number): void;
  flush(): void;
  close(): void;
}

interface FileHandle {
  createSyncAccessHandle(options: { readonly mode: 'readwrite-unsafe' }): Promise<PrivateFile>;
}

const lockName = 'hearth-tiles';
/** A tab that is being closed or loaded again has let go by then. */
const lockWaitMs = 3_000;

/** Resolves once this worker alone may write to the files, until it ends; `false` if another tab does. */
export function lockFiles(): Promise<boolean> {
  return new Promise((resolve) => {
    const hold = (): Promise<never> => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks
      .request(lockName, { signal: AbortSignal.timeout(lockWaitMs) }, hold)
      .catch(() => resolve(false));
  });
}

/**
 * Opens a file that belongs to this origin alone; nobody else sees it.
 * @throws DOMException where the browser keeps no files
 */
export async function openPrivateFile(name: string): Promise<PrivateFile> {
  const folder = await navigator.storage.getDirectory();
  const file: unknown = await folder.getFileHandle(name, { create: true });
  // So that a worker that reads ahead may open it too; browsers that do not know modes let nobody else open it.
  return (file as FileHandle).createSyncAccessHandle({ mode: 'readwrite-unsafe' });
}

/** Whether another worker can open a file that this one has open. */
export function canShare(file: PrivateFile): boolean {
  return 'mode' in file;
}
