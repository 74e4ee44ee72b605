import type { Metadata } from '../gguf/metadata.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { ModelDescription } from './description.ts';

/** What a token reads of a layer's FFN, on average, as shares of its rows. */
export interface RowShares {
  readonly gate: number;
  /** Of up and down. */
  readonly neurons: number;
}

/** Of each layer, float32[]: neurons that fire for a token, or are at the layer's cut or above. */
export const firingKey = 'hearth.firing_neurons';
/** Of each FFN tile, layer by layer, float32[]: how many of its neurons fire for a token. */
export const tileFiringKey = 'hearth.firing_tile_neurons';
/** Of each layer, float32[]: neurons that its predictor names at threshold 0. */
export const namedKey = 'hearth.named_neurons';

/**
 * As the profile found it by which a model was sparsified; undefined where everything is read, or nothing is known.
 * @param description as the model is computed
 */
export function rowShares(
  metadata: Metadata,
  { config, neuronRows, approximation }: ModelDescription,
): RowShares[] | undefined {
  const isExactSilu = config.activation === 'silu' && !approximation;
  const firing = readShares(metadata, firingKey, config.layerCount);
  if (!neuronRows || isExactSilu || !firing) return undefined;
  const named =
    approximation?.kind === 'predicted' ? readShares(metadata, namedKey, config.layerCount) : undefined;
  return firing.map((neurons, layer) => ({ gate: named?.[layer] ?? 1, neurons }));
}

/**
 * How many neurons of each tile a token reads, as the profile found it; a predictor names some that do not fire.
 * @param description as the model is computed, but for this
 * @returns [layers][tiles]; undefined where everything is read, or nothing is known
 */
export function tileFiring(metadata: Metadata, description: ModelDescription): number[][] | undefined {
  const shares = rowShares(metadata, description);
  if (!shares || !metadata.has(tileFiringKey)) return undefined;
  const tiles = Math.ceil(description.config.intermediateSize / ffnTileNeurons);
  const all = Array.from(metadata.numbers(tileFiringKey));
  const sound = (firing: number) => firing >= 0 && firing <= ffnTileNeurons;
  if (all.length !== shares.length * tiles || !all.every(sound)) return undefined;
  return shares.map(({ gate, neurons }, layer) => {
    const named = gate < 1 && neurons > 0 ? Math.max(1, gate / neurons) : 1;
    const fire = all.slice(layer * tiles, (layer + 1) * tiles);
    return fire.map((firing) => Math.min(ffnTileNeurons, firing * named));
  });
}

function readShares(metadata: Metadata, key: string, layers: number): number[] | undefined {
  const shares = metadata.has(key) ? Array.from(metadata.numbers(key)) : [];
  return shares.length === layers && shares.every((share) => share >= 0 && share <= 1) ? shares : undefined;
}
