/** What a device would compute of a token, and how fast. Rates in bytes of weights per second. */
export interface GpuChoice {
  /** Layers that it holds. */
  readonly layers: number;
  /** Bytes of a layer's weights: attention, and the FFN, in tiles of which a GPU may take any number. */
  readonly attentionBytes: number;
  readonly ffnTileBytes: number;
  readonly ffnTiles: number;
  readonly processorRate: number;
  readonly gpuRate: number;
  /** `measureSync`. */
  readonly syncMs: number;
  /** Bytes of weights that may lie on the GPU. */
  readonly gpuBytes: number;
}

/**
 * What lies on the GPU. `hotTiles`: of each layer so many FFN tiles, those whose neurons fire most, computed while the
 * processor computes the others: a sync a layer. `wholeLayers`: so many layers, one after the other: one sync.
 */
export type GpuShare =
  | { readonly kind: 'none' }
  | { readonly kind: 'hotTiles'; readonly tiles: number }
  | { readonly kind: 'wholeLayers'; readonly layers: number };

/** What a change must save of a token's time: measurements are not that exact. */
const leastGain = 0.1;

/** Milliseconds of a token, by the share of the weights that lie on the GPU. */
export function tokenMs(choice: GpuChoice, share: GpuShare): number {
  const { layers, attentionBytes, ffnTileBytes, ffnTiles, processorRate, gpuRate, syncMs } = choice;
  const processorMs = (bytes: number) => (bytes * 1000) / processorRate;
  const gpuMs = (bytes: number) => (bytes * 1000) / gpuRate;
  const layerBytes = attentionBytes + ffnTiles * ffnTileBytes;
  if (share.kind === 'hotTiles') {
    const rest = processorMs((ffnTiles - share.tiles) * ffnTileBytes);
    const hot = gpuMs(share.tiles * ffnTileBytes) + syncMs;
    return layers * (processorMs(attentionBytes) + Math.max(rest, hot));
  }
  const own = share.kind === 'none' ? 0 : share.layers;
  return (layers - own) * processorMs(layerBytes) + own * gpuMs(layerBytes) + (own > 0 ? syncMs : 0);
}

/** The share with which a token takes least time; none where that saves less than a tenth. */
export function gpuShare(choice: GpuChoice): GpuShare {
  const { layers, attentionBytes, ffnTileBytes, ffnTiles, gpuBytes } = choice;
  const layerBytes = attentionBytes + ffnTiles * ffnTileBytes;
  const mostTiles = Math.min(ffnTiles, Math.floor(gpuBytes / (layers * ffnTileBytes)));
  const candidates: GpuShare[] = [
    { kind: 'wholeLayers', layers: Math.min(layers, Math.floor(gpuBytes / layerBytes)) },
  ];
  for (let tiles = 1; tiles <= mostTiles; tiles += 1) candidates.push({ kind: 'hotTiles', tiles });
  const none: GpuShare = { kind: 'none' };
  let best: GpuShare = none;
  for (const share of candidates) if (tokenMs(choice, share) < tokenMs(choice, best)) best = share;
  return tokenMs(choice, best) <= (1 - leastGain) * tokenMs(choice, none) ? best : none;
}
