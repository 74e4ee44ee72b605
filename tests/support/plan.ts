import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { DeviceProfile, LinkProfile } from '../../runtime/plan/profiles.ts';
import { description } from './description.ts';

export const planOptions: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 128,
  maxSequences: 1,
  contextLength: 2048,
  kvPages: 32,
};

/** The shape of TinyLlama 1.1B. */
export function smallModel(): ModelDescription {
  return description(
    {
      hiddenSize: 2048,
      layerCount: 22,
      headCount: 32,
      kvHeadCount: 4,
      headDim: 64,
      intermediateSize: 5632,
      vocabSize: 32000,
      contextLength: 2048,
      rope: { dimensions: 64, base: 10000, scaling: { kind: 'none' } },
    },
    'Q4_0',
  );
}

/** The shape of Llama 3.1 70B. */
export function largeModel(): ModelDescription {
  return description(
    {
      hiddenSize: 8192,
      layerCount: 80,
      headCount: 64,
      kvHeadCount: 8,
      headDim: 128,
      intermediateSize: 28672,
      vocabSize: 128256,
      contextLength: 131072,
      rope: { dimensions: 128, base: 500000, scaling: { kind: 'none' } },
    },
    'Q4_0',
  );
}

/** A laptop, by default the coordinator's own. */
export function device(given: Partial<DeviceProfile> = {}): DeviceProfile {
  return {
    name: 'laptop',
    threads: 1,
    memoryBytes: 8e9,
    kernels: { Q4_0: { decodeBytesPerSecond: 20e9, prefillFlopsPerSecond: 200e9 } },
    attentionBytesPerSecond: 10e9,
    diskBytesPerSecond: 0,
    syncMs: 0.05,
    link: undefined,
    ...given,
  };
}

/** A link without jitter, by default gigabit Ethernet. */
export function link(rttMs = 0.4, bytesPerSecond = 110e6, rttP95Ms = rttMs): LinkProfile {
  return { rttMs, rttP95Ms, upBytesPerSecond: bytesPerSecond, downBytesPerSecond: bytesPerSecond };
}

/** One core of an older machine: for it, what syncs take is little beside computing. */
export const slowKernels = { Q4_0: { decodeBytesPerSecond: 8e9, prefillFlopsPerSecond: 80e9 } };
