import { HearthError } from '../error.ts';
import { compilingMs } from './mapping-delay.ts';
import type { GpuClock } from './readback.ts';
import { Watchdog } from './watchdog.ts';

/** The dot product of four bytes, which is part of WGSL or not. */
const packedDots = 'packed_4x8_integer_dot_product';

/**
 * A GPU that computes. It is asked for no more than every WebGPU promises: bindings of 128 MiB, 8 storage buffers a
 * shader; so a program that would need more fails on every machine.
 */
export class Gpu {
  readonly device: GPUDevice;
  /** Whether its WGSL has `dot4I8Packed`. */
  readonly packedDots: boolean;
  /** Most bytes of a buffer that a program binds. */
  readonly bindingBytes: number;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  #failure: HearthError | undefined;
  /** Kept, since Dawn frees it when nobody has it, whatever was opened by it: the next call would then never return. */
  entry: GPU | undefined;

  /**
   * @param entry `navigator.gpu`, or what stands for it outside of browsers
   * @param software whether one that is a program of the processor will do
   * @returns undefined where there is no adapter
   */
  static async open(entry: GPU, software = true): Promise<Gpu | undefined> {
    const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter || (adapter.info.isFallbackAdapter && !software)) return undefined;
    const gpu = new Gpu(await adapter.requestDevice(), entry.wgslLanguageFeatures.has(packedDots));
    gpu.entry = entry;
    return gpu;
  }

  constructor(
    device: GPUDevice,
    hasPackedDots: boolean,
    bindingBytes = device.limits.maxStorageBufferBindingSize,
  ) {
    this.device = device;
    this.bindingBytes = bindingBytes;
    this.packedDots = hasPackedDots;
    device.addEventListener('uncapturederror', ({ error }) => this.fail(error.message));
    void device.lost.then(({ message }) => this.fail(message));
  }

  /** What its driver calls it: printable, at most 64 characters. */
  get name(): string {
    const { description, vendor, architecture } = this.device.adapterInfo;
    const words = (description || `${vendor} ${architecture}`).replaceAll(/[^\x20-\x7e]/g, '').trim();
    return words.slice(0, 64).trim() || 'GPU';
  }

  /** Something has failed for good; what failed first is the reason. */
  fail(reason: string): HearthError {
    this.#failure ??= new HearthError('GPU_LOST', `the GPU cannot go on: ${reason || 'the device was lost'}`);
    return this.#failure;
  }

  /** It has been waited for so long, and has neither answered nor said that it is lost. */
  giveUp(patienceMs: number): HearthError {
    const failure = this.fail(`it has not answered for ${Math.round(patienceMs)} ms`);
    // What it may still do is nobody's any more.
    this.device.destroy();
    return failure;
  }

  get isLost(): boolean {
    return this.#failure !== undefined;
  }

  /** @throws HearthError GPU_LOST once something has failed: what was computed since is not to be trusted */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /**
   * Has programs compiled before they are needed, while this thread goes on.
   * @throws HearthError GPU_LOST
   */
  async prepare(programs: readonly string[], clock: GpuClock): Promise<void> {
    this.check();
    for (const code of programs) {
      if (this.#pipelines.has(code)) continue;
      const compiling = this.device.createComputePipelineAsync(this.#described(code));
      const pipeline = await new Watchdog(clock).watch(compiling, compilingMs).catch((error: unknown) => {
        throw this.fail(error instanceof Error ? error.message : 'a program cannot be compiled');
      });
      if (!pipeline) throw this.giveUp(compilingMs);
      this.#pipelines.set(code, pipeline);
    }
  }

  /** A program's pipeline with its one entry point, compiled once. */
  pipeline(code: string): GPUComputePipeline {
    const known = this.#pipelines.get(code) ?? this.device.createComputePipeline(this.#described(code));
    this.#pipelines.set(code, known);
    return known;
  }

  #described(code: string): GPUComputePipelineDescriptor {
    return { layout: 'auto', compute: { module: this.device.createShaderModule({ code }) } };
  }

  /** A buffer of words that shaders read and write, and that is copied from and to. */
  storage(bytes: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return this.device.createBuffer({ size: Math.max(4, bytes), usage });
  }

  /** Such a buffer with words in it. */
  storageOf(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.storage(words.byteLength);
    this.device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  /** A small buffer of numbers that do not change. */
  uniform(numbers: readonly number[]): GPUBuffer {
    const words = Uint32Array.from(numbers);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ size: Math.ceil(words.byteLength / 16) * 16, usage });
    this.device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  /** Binds buffers to a program's bindings 0, 1, … */
  bind(pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    return this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  }

  close(): void {
    this.device.destroy();
    this.entry = undefined;
  }
}
