import { assert } from '../error.ts';

export function assertPointers(...pointers: readonly number[]): void {
  for (const pointer of pointers) {
    assert(pointer > 0 && pointer % 4 === 0, 'a pointer to 4-byte elements', pointer);
  }
}

export function assertSizes(...sizes: readonly number[]): void {
  for (const size of sizes) assert(Number.isInteger(size) && size >= 0, 'a size', size);
}
