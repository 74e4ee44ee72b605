import * as tf from '@tensorflow/tfjs-core';

interface Stored {
  values: Float32Array;
  refCount: number;
  /** Whether the array is this backend's own, to be used again. */
  own: boolean;
}

/** Tensors of TensorFlow.js in plain arrays of floats: as much of a backend as its optimisers need. */
export class ArrayBackend extends tf.KernelBackend {
  readonly #stored = new tf.DataStorage<Stored>(this, tf.engine());
  /** Arrays that no tensor has any more, by length: each step of a training wants the same ones again. */
  readonly #free = new Map<number, Float32Array[]>();
  #next = 0;

  /** For `tensor`; what it holds is not defined. */
  array(length: number): Float32Array {
    return this.#free.get(length)?.pop() ?? new Float32Array(length);
  }

  /** A tensor of values in an array of `array`. */
  tensor(values: Float32Array, shape: number[]): tf.TensorInfo {
    const dataId = this.write(values, shape, 'float32');
    this.#stored.get(dataId).own = true;
    return { dataId, shape, dtype: 'float32' };
  }

  values({ dataId }: tf.TensorInfo): Float32Array {
    return this.#stored.get(dataId).values;
  }

  override write(values: tf.BackendValues, _shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = { id: this.#next++ };
    this.move(dataId, values, _shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    _shape: number[],
    _dtype: tf.DataType,
    refCount: number,
  ): void {
    const floats = values instanceof Float32Array ? values : Float32Array.from(values as Int32Array);
    this.#stored.set(dataId, { values: floats, refCount, own: false });
  }

  override readSync(dataId: tf.DataId): Float32Array {
    return this.#stored.get(dataId).values;
  }

  override async read(dataId: tf.DataId): Promise<Float32Array> {
    return this.readSync(dataId);
  }

  override incRef(dataId: tf.DataId): void {
    this.#stored.get(dataId).refCount += 1;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#stored.has(dataId) ? this.#stored.get(dataId).refCount : 0;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#stored.has(dataId)) return true;
    const stored = this.#stored.get(dataId);
    stored.refCount -= 1;
    if (!force && stored.refCount > 0) return false;
    if (stored.own) this.#recycle(stored.values);
    return this.#stored.delete(dataId);
  }

  override numDataIds(): number {
    return this.#stored.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {}

  #recycle(values: Float32Array): void {
    const alike = this.#free.get(values.length);
    if (alike) alike.push(values);
    else this.#free.set(values.length, [values]);
  }
}
