/**
 * Weights stream from memory, and memory answers in 100 to 200 ns: it is fast only while many requests are under way.
 * A processor finds requests by running ahead of the oldest instruction that waits, and 128-bit code has so many
 * instructions to a byte that it does not see far. WebAssembly has no prefetch; so a kernel first touches all cache
 * lines of its next kilobyte or two, one load right behind the other, and then computes on what has come.
 * `tests/bench/kernels.mjs` measures what comes of it.
 */

const LINE: usize = 64;

@inline
function touchEightLines(p: usize, bytes: usize): void {
  load<u8>(p);
  if (bytes > LINE) load<u8>(p, 64);
  if (bytes > 2 * LINE) load<u8>(p, 128);
  if (bytes > 3 * LINE) load<u8>(p, 192);
  if (bytes > 4 * LINE) load<u8>(p, 256);
  if (bytes > 5 * LINE) load<u8>(p, 320);
  if (bytes > 6 * LINE) load<u8>(p, 384);
  if (bytes > 7 * LINE) load<u8>(p, 448);
}

/**
 * Asks for the cache lines of `bytes` bytes at p, at most 3072. They may reach beyond a matrix, and must lie in the
 * memory: `readAheadBytes` in `runtime/kernels/kernels.ts`.
 * @param bytes a constant: what it decides is decided when the kernel is compiled
 * @returns where the next strip begins
 */
@inline
export function fetchStrip(p: usize, bytes: usize): usize {
  touchEightLines(p, bytes);
  if (bytes > 512) touchEightLines(p + 512, bytes - 512);
  if (bytes > 1024) touchEightLines(p + 1024, bytes - 1024);
  if (bytes > 1536) touchEightLines(p + 1536, bytes - 1536);
  if (bytes > 2048) touchEightLines(p + 2048, bytes - 2048);
  if (bytes > 2560) touchEightLines(p + 2560, bytes - 2560);
  return p + bytes;
}
