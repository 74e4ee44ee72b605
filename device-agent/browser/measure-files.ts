import { openPrivateFile, type PrivateFile } from './pack-files.ts';

const name = 'speed';
const pieceBytes = 1 << 20;
const pieces = 16;
const milliseconds = 60;

/**
 * How fast this browser reads a file of its own, in bytes a second. It may well be one that the system still has in
 * memory: pages cannot read past that.
 * @returns 0 where nothing can be kept
 */
export async function measureFiles(): Promise<number> {
  try {
    const file = await openPrivateFile(name);
    try {
      return readRate(file);
    } finally {
      file.truncate(0);
      file.close();
    }
  } catch {
    return 0;
  }
}

function readRate(file: PrivateFile): number {
  const piece = Uint8Array.from({ length: pieceBytes }, (_, i) => (i * 7919) >> 8);
  for (let i = 0; i < pieces; i += 1) file.write(piece, { at: i * pieceBytes });
  file.flush();
  const beganMs = performance.now();
  let bytes = 0;
  while (performance.now() - beganMs < milliseconds)
    bytes += file.read(piece, { at: bytes % (pieces * pieceBytes) });
  return (1000 * bytes) / (performance.now() - beganMs);
}
