import { HearthError } from '../../runtime/error.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';

/** Something that a model can be quantised to. */
export interface QuantizeTarget {
  readonly name: string;
  /** Type of most matrices. */
  readonly type: QuantTypeName;
  /** Whether layers that suffer most from rounding get more bits. */
  readonly mixed: boolean;
  /** `general.file_type`, one of llama.cpp's LLAMA_FTYPE_MOSTLY_*; Q4_K alone has none and takes that of Q4_K_S. */
  readonly fileType: number;
}

export const quantizeTargets: readonly QuantizeTarget[] = [
  { name: 'F16', type: 'F16', mixed: false, fileType: 1 },
  { name: 'Q8_0', type: 'Q8_0', mixed: false, fileType: 7 },
  { name: 'Q6_K', type: 'Q6_K', mixed: false, fileType: 18 },
  { name: 'Q4_K_M', type: 'Q4_K', mixed: true, fileType: 15 },
  { name: 'Q4_K', type: 'Q4_K', mixed: false, fileType: 14 },
  { name: 'Q4_0', type: 'Q4_0', mixed: false, fileType: 2 },
];

/** In either case of letters. @throws HearthError USAGE, listing the names */
export function quantizeTargetNamed(name: string): QuantizeTarget {
  const found = quantizeTargets.find((target) => target.name === name.toUpperCase());
  if (found) return found;
  const known = quantizeTargets.map((target) => target.name).join(', ');
  throw new HearthError('USAGE', `"${name}" is no type to quantise to; these are: ${known}`, { type: name });
}
