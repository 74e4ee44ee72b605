import { defineFormat } from './format.ts';

const bytesOf = (elements: Float32Array): Uint8Array =>
  new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);

/** IEEE 754 binary32. A plain copy: every host that runs WebAssembly engines here is little-endian. */
export const f32 = defineFormat({
  name: 'F32',
  ggmlType: 0,
  blockSize: 1,
  blockBytes: 4,
  decode: (source, target) => bytesOf(target).set(source),
  encode: (source, target) => target.set(bytesOf(source)),
});
