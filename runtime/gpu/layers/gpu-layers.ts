import { pagePositions } from '../../kernels/kv-page.ts';
import { CallDelays } from '../call-delays.ts';
import { type Dispatch, dispatchOf, encode } from '../dispatch.ts';
import { FfnLayers, type LayerTiles } from '../ffn/ffn-layers.ts';
import type { Gpu } from '../gpu.ts';
import { type BufferPart, type GpuClock, Readback } from '../readback.ts';
import type { TileBytes } from '../tile-bytes.ts';
import { appliedValues, applySums } from '../wgsl/apply-sums.ts';
import { quantize, quantizeRun } from '../wgsl/quantize.ts';
import { rmsNorm } from '../wgsl/rms-norm.ts';
import { seatWords } from '../wgsl/seats.ts';
import { float32Bits } from '../wgsl/text.ts';
import { AttentionLayers } from './attention-layers.ts';
import { attentionProducts } from './attention-products.ts';
import type { GpuAttentionShape } from './attention-shape.ts';
import { LayerBuffers } from './layer-buffers.ts';
import { probeSeats } from './probe-seats.ts';

export interface GpuLayersShape extends GpuAttentionShape {
  readonly maxSequences: number;
  /** Most FFN tiles of a layer. */
  readonly maxFfnTiles: number;
}

/** A layer with all of its tiles. */
export interface WholeLayer {
  readonly layer: number;
  /** Weights of the norms, float32 [hiddenSize]. */
  readonly attentionNorm: Uint32Array<ArrayBuffer>;
  readonly ffnNorm: Uint32Array<ArrayBuffer>;
  readonly attention: readonly TileBytes[];
  readonly ffn: LayerTiles;
}

/** What comes into a run of layers. All views are read before `begin` returns. */
export interface LayersInput {
  readonly tokens: number;
  /** float32 [tokens, hiddenSize]. */
  readonly residual: Float32Array<ArrayBuffer>;
  /** As of `seats`. */
  readonly seats: Uint32Array<ArrayBuffer>;
  /** As of `rope`: float32 [tokens, 2 × pairs]. */
  readonly angles: Float32Array<ArrayBuffer>;
}

/** What comes out of it. */
export interface LayersOutput {
  /** Of all additions of partial sums, as `addPartial` returns them: if one was not finite, nothing else counts. */
  readonly flags: number;
  readonly residual: Float32Array;
  /** Of each layer, in their order: K, positions included, and V, float32 [tokens, KV heads × headDim]. */
  readonly rows: readonly (readonly [keys: Float32Array, values: Float32Array])[];
}

/**
 * Whole layers on a GPU, KV pages included: the residual goes in, and comes out behind the last of them with the bits that
 * the kernels would have given it. K and V of the tokens come with it, so that nothing is on the GPU alone.
 */
export class GpuLayers {
  readonly #gpu: Gpu;
  readonly #shape: GpuLayersShape;
  readonly #buffers: LayerBuffers;
  readonly #attention: AttentionLayers;
  readonly #ffn: FfnLayers;
  readonly #readback: Readback;
  readonly #delays = new CallDelays();
  /** Around attention and FFN of each layer: what makes their input, and what takes in their sums. */
  readonly #norms = new Map<number, readonly [attention: readonly Dispatch[], ffn: readonly Dispatch[]]>();
  readonly #applying: readonly Dispatch[];

  /** @param layers how many it is to hold */
  constructor(gpu: Gpu, clock: GpuClock, shape: GpuLayersShape, layers: number) {
    const { config, maxTokens, maxSequences, maxFfnTiles } = shape;
    const { hiddenSize, activation } = config;
    this.#gpu = gpu;
    this.#shape = shape;
    const pages = maxSequences * Math.ceil(shape.contextLength / pagePositions);
    const words = maxTokens * seatWords + pages;
    this.#buffers = new LayerBuffers(gpu, hiddenSize, maxTokens, words, config.rope.dimensions / 2);
    this.#attention = new AttentionLayers(gpu, shape, this.#buffers);
    this.#ffn = new FfnLayers(
      gpu,
      { hiddenSize, activation, maxTokens, maxTiles: maxFfnTiles },
      this.#buffers,
    );
    const rowsBytes = config.kvHeadCount * config.headDim * 4;
    const most = 4 + maxTokens * (hiddenSize * 4 + 2 * layers * rowsBytes);
    this.#readback = new Readback(gpu, clock, most);
    const { residual, sums, scales, call } = this.#buffers;
    const applied = [residual, sums, scales, gpu.uniform([hiddenSize]), call.buffer];
    this.#applying = [
      dispatchOf(gpu, applySums, applied, (tokens) => [Math.ceil(hiddenSize / appliedValues), tokens]),
    ];
  }

  hold({ layer, attentionNorm, ffnNorm, attention, ffn }: WholeLayer): void {
    this.#attention.hold(layer, attention);
    this.#ffn.hold(layer, ffn);
    const { query } = attentionProducts(attention[0]!.spec)!;
    this.#norms.set(layer, [
      this.#norm(attentionNorm, query.activation),
      this.#norm(ffnNorm, this.#ffn.activationOf(layer)),
    ]);
  }

  #norm(weight: Uint32Array<ArrayBuffer>, form: 'f32' | 'q8' | 'q8k'): readonly Dispatch[] {
    const { hiddenSize, normEpsilon } = this.#shape.config;
    const { residual, normed, stream, scales, inputColumns } = this.#buffers;
    const shape = this.#gpu.uniform([hiddenSize, float32Bits(normEpsilon), inputColumns]);
    const buffers = [residual, this.#gpu.storageOf(weight), normed, scales, shape];
    const norm = dispatchOf(this.#gpu, rmsNorm, buffers, (tokens) => [tokens]);
    if (form === 'f32') return [norm];
    const runs = inputColumns / quantizeRun;
    return [norm, dispatchOf(this.#gpu, quantize(form), [normed, stream], (tokens) => [runs, tokens])];
  }

  /** A page of a KV head that was computed elsewhere. */
  writePage(layer: number, head: number, page: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#attention.writePage(layer, head, page, bytes);
  }

  /**
   * Has each program compute once: what a driver compiles late no step is to wait for.
   * @throws HearthError GPU_LOST
   */
  async warmUp(): Promise<void> {
    for (const tokens of new Set([1, Math.min(2, this.#shape.maxTokens)]))
      await this.tryOut(probeSeats(tokens, tokens), tokens);
    this.#delays.isWarm = true;
  }

  /** Before there are any sequences: a call of all layers, in pages that have no meaning yet. */
  async tryOut(seats: Uint32Array<ArrayBuffer>, tokens: number): Promise<void> {
    const { hiddenSize, rope } = this.#shape.config;
    const layers = [...this.#norms.keys()];
    const residual = new Float32Array(tokens * hiddenSize).fill(1);
    this.begin(layers, { tokens, residual, seats, angles: new Float32Array(tokens * rope.dimensions) });
    await this.result(layers, tokens);
  }

  /**
   * Starts a run of layers for some tokens; `result` brings what comes of it.
   * @throws HearthError GPU_LOST
   */
  begin(layers: readonly number[], { tokens, residual, seats, angles }: LayersInput): void {
    this.#gpu.check();
    const { queue } = this.#gpu.device;
    const buffers = this.#buffers;
    queue.writeBuffer(buffers.residual, 0, residual);
    queue.writeBuffer(buffers.seats, 0, seats);
    queue.writeBuffer(buffers.angles, 0, angles);
    buffers.call.begin(tokens);
    const encoder = this.#gpu.device.createCommandEncoder();
    // What was added up is zeros again behind each call; its flags are not.
    encoder.clearBuffer(buffers.sums, 0, 4);
    const pass = encoder.beginComputePass();
    for (const layer of layers) {
      const [beforeAttention, beforeFfn] = this.#norms.get(layer)!;
      encode(pass, beforeAttention, tokens);
      this.#attention.encode(pass, layer, tokens);
      encode(pass, this.#applying, tokens);
      encode(pass, beforeFfn, tokens);
      this.#ffn.encode(pass, layer, tokens);
      encode(pass, this.#applying, tokens);
    }
    pass.end();
    this.#readback.submit(encoder, this.#parts(layers, tokens));
  }

  /** What the call of `begin` has come to. @throws HearthError GPU_LOST */
  async result(layers: readonly number[], tokens: number): Promise<LayersOutput> {
    const parts = this.#parts(layers, tokens);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const words = await this.#readback.take(bytes, this.#delays.of(tokens));
    const flags = this.#buffers.call.flags(words[0]!);
    let offset = 0;
    const [, residual, ...rows] = parts.map((part) => {
      offset += part.bytes;
      return new Float32Array(words.buffer, offset - part.bytes, part.bytes / 4);
    });
    return { flags, residual: residual!, rows: layers.map((_, i) => [rows[2 * i]!, rows[2 * i + 1]!]) };
  }

  #parts(layers: readonly number[], tokens: number): BufferPart[] {
    const { hiddenSize, kvHeadCount, headDim } = this.#shape.config;
    const part = (buffer: GPUBuffer, bytes: number) => ({ buffer, offset: 0, bytes });
    const rows = layers.flatMap((layer) => this.#attention.rows(layer));
    return [
      part(this.#buffers.sums, 4),
      part(this.#buffers.residual, tokens * hiddenSize * 4),
      ...rows.map((buffer) => part(buffer, tokens * kvHeadCount * headDim * 4)),
    ];
  }

  close(): void {
    this.#attention.close();
    this.#ffn.close();
    this.#buffers.close();
    this.#readback.close();
  }
}
