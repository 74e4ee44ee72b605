/** A float32 as what the shaders compute with: its bits. */
export function float32Bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** The same, a `u32` literal of WGSL. */
export function float32(value: number): string {
  return `0x${float32Bits(value).toString(16).padStart(8, '0')}u`;
}

/** A statement for each token. Unrolled, since an array that is indexed may end up in memory. */
export function each(tokens: number, text: (token: number) => string): string {
  return perToken(tokens, text).join('\n');
}

/** An argument for each token. */
export function list(tokens: number, text: (token: number) => string): string {
  return perToken(tokens, text).join(', ');
}

function perToken(tokens: number, text: (token: number) => string): string[] {
  return Array.from({ length: tokens }, (_, token) => text(token));
}
