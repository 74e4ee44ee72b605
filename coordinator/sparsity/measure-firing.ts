import type { GateProbe } from '../../runtime/decoder/rank-options.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import type { FiringProfile } from './firing-profile.ts';
import { silu } from './measure-cuts.ts';
import { type Reader, readText } from './read-text.ts';

/**
 * Reads a text and counts for how many of its tokens each neuron fires: those with a positive gate, or, in a SwiGLU
 * model, with |silu(gate)| at the layer's cut or above.
 * @param cuts of a SwiGLU model
 * @param probe is shown the gates as well
 * @throws HearthError MEMORY_EXHAUSTED if the model is too large for one memory
 */
export async function measureFiring(
  model: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  { cuts, probe, onProgress }: Pick<Reader, 'onProgress'> & FiringOptions = {},
): Promise<FiringProfile> {
  const { layerCount, intermediateSize } = model.config;
  const counts = Array.from({ length: layerCount }, () => new Array<number>(intermediateSize).fill(0));
  const count: GateProbe = (tile, gates, stride, inputs) => {
    const row = counts[tile.layer]!;
    const cut = cuts?.[tile.layer];
    const fires = (gate: number) => (cut === undefined ? gate > 0 : Math.abs(silu(gate)) >= cut);
    for (let at = 0; at < gates.length; at += stride)
      for (let i = 0; i < tile.count; i += 1) if (fires(gates[at + i]!)) row[tile.first + i]! += 1;
    probe?.(tile, gates, stride, inputs);
  };
  await readText(model, kernels, tokens, { ffn: { probe: count }, onProgress });
  return { model: model.name, tokens: tokens.length, counts, ...(cuts && { cuts }) };
}

export interface FiringOptions {
  readonly cuts?: readonly number[] | undefined;
  readonly probe?: GateProbe | undefined;
}
