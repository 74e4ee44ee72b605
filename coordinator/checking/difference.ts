/** Where what a rank has sent is not what its tiles and its input give. */
export interface Difference {
  /** `fine` and `coarse` are the planes of a sum, int32; logits are float32. */
  readonly of: 'fine' | 'coarse' | 'logits';
  /** In the step. */
  readonly token: number;
  /** Of the first value that differs: its dimension, or its row of the vocabulary. */
  readonly index: number;
  /** Its bits. */
  readonly expected: number;
  readonly got: number;
  /** Values that differ, of so many that were compared. */
  readonly differing: number;
  readonly compared: number;
}

/** Values of 32 bits. */
type Words = Uint32Array | Int32Array | Float32Array;

/**
 * Compares values bit for bit.
 * @param expected [tokens × width], as `got`
 * @param tokens those that count, as indices into the rows; `firstToken` is added for the report
 */
export function compareBits(
  of: Difference['of'],
  expected: Words,
  got: Words,
  width: number,
  tokens: readonly number[],
  place: { readonly firstToken: number; readonly firstIndex: number },
): Difference | undefined {
  let first: Pick<Difference, 'token' | 'index' | 'expected' | 'got'> | undefined;
  let differing = 0;
  const [rightBits, sentBits] = [bitsOf(expected), bitsOf(got)];
  for (const token of tokens) {
    for (let index = 0; index < width; index += 1) {
      const [right, sent] = [rightBits[token * width + index]!, sentBits[token * width + index]!];
      if (right === sent) continue;
      differing += 1;
      first ??= {
        token: place.firstToken + token,
        index: place.firstIndex + index,
        expected: right,
        got: sent,
      };
    }
  }
  return first && { of, ...first, differing, compared: tokens.length * width };
}

function bitsOf({ buffer, byteOffset, length }: Words): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

export function differenceInWords({
  of,
  token,
  index,
  expected,
  got,
  differing,
  compared,
}: Difference): string {
  const what = of === 'logits' ? `the logit of row ${index}` : `value ${index} of the ${of} sums`;
  const count = `${differing} of ${compared} values differ`;
  return `${what}, token ${token}, came as 0x${hex(got)} and should be 0x${hex(expected)}; ${count}`;
}

function hex(bits: number): string {
  return bits.toString(16).padStart(8, '0');
}
