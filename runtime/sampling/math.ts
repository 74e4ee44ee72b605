/**
 * The transcendental functions that sampling needs, injected so that they are the kernels' own and not the
 * host's: hosts differ in the last bit, and one bit may choose another token.
 */
export interface SamplingMath {
  /** e^x in f64; exp(−∞) = 0. */
  exp(x: number): number;
  /** Natural logarithm in f64. */
  log(x: number): number;
}
