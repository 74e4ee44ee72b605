import type { KernelFormatName } from '../kernels/formats.ts';

/** How fast a device computes with one weight type, all its threads together. */
export interface KernelRates {
  /** Packed weights, one token at a time: bytes a second. */
  readonly decodeBytesPerSecond: number;
  /** A prompt: two for each weight and token. */
  readonly prefillFlopsPerSecond: number;
}

/** What a link between a device and the coordinator gives. */
export interface LinkProfile {
  /** There and back: of most messages, and of all but one in twenty. */
  readonly rttMs: number;
  readonly rttP95Ms: number;
  /** From the device to the coordinator. */
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
}

/** A GPU that computes FFN tiles beside the processor. */
export interface GpuProfile {
  /** What its driver calls it: at most 64 printable characters. */
  readonly name: string;
  /** Of weights that may lie on it. */
  readonly memoryBytes: number;
  /** From the moment when hardly any work is handed over until what comes of it is here. */
  readonly syncMs: number;
  /** Weight types that it computes. */
  readonly kernels: Readonly<Partial<Record<KernelFormatName, KernelRates>>>;
}

/** What planning knows of a device. All is measured there; nothing rests on its truth but speed. */
export interface DeviceProfile {
  readonly name: string;
  readonly threads: number;
  /** What its ranks may take: weights, KV pages, activations. */
  readonly memoryBytes: number;
  readonly kernels: Readonly<Partial<Record<KernelFormatName, KernelRates>>>;
  readonly gpu?: GpuProfile | undefined;
  /** KV bytes that attention reads a second. */
  readonly attentionBytesPerSecond: number;
  /** Cold reads from where tiles are kept; 0 if nothing can stream. */
  readonly diskBytesPerSecond: number;
  /** What a small read takes beside its bytes, in bytes that could be read on meanwhile; absent where single neurons cannot be read. */
  readonly seekBytes?: number | undefined;
  /** What a sync takes of this device beside the link: packing, unpacking, waking threads. */
  readonly syncMs: number;
  /** Undefined for a rank in the coordinator's own process. */
  readonly link: LinkProfile | undefined;
}
