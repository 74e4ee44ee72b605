import { assert } from '../error.ts';
import { assertPointers, assertSizes } from './arguments.ts';
import { checkedRowKernels } from './checked-rows.ts';
import type { AttentionKernel, GluKernel, KernelExports, StoreKvKernel } from './exports.ts';
import { type KvFormat, kvPageBytes, pagePositions } from './kv-page.ts';

/**
 * The kernels trust what they are given; these are the same functions with shapes and alignment asserted.
 * Matrix products are checked by their formats, quantisation by `quantizeActivations`, sealing by `KernelAead`.
 */
export function checkedExports(raw: KernelExports): KernelExports {
  return {
    quantizeQ8: raw.quantizeQ8,
    quantizeQ8K: raw.quantizeQ8K,
    matmulF32: raw.matmulF32,
    matmulF16: raw.matmulF16,
    matmulBF16: raw.matmulBF16,
    matmulQ8_0: raw.matmulQ8_0,
    matmulQ4_0: raw.matmulQ4_0,
    matmulQ4_1: raw.matmulQ4_1,
    matmulQ5_0: raw.matmulQ5_0,
    matmulQ5_1: raw.matmulQ5_1,
    matmulQ2_K: raw.matmulQ2_K,
    matmulQ3_K: raw.matmulQ3_K,
    matmulQ4_K: raw.matmulQ4_K,
    matmulQ5_K: raw.matmulQ5_K,
    matmulQ6_K: raw.matmulQ6_K,
    matmulIQ4_NL: raw.matmulIQ4_NL,
    matmulIQ4_XS: raw.matmulIQ4_XS,
    matmulPanelF32: raw.matmulPanelF32,
    matmulPanelF16: raw.matmulPanelF16,
    matmulPanelBF16: raw.matmulPanelBF16,
    matmulPanelQ8_0: raw.matmulPanelQ8_0,
    matmulPanelQ4_0: raw.matmulPanelQ4_0,
    matmulPanelQ4_1: raw.matmulPanelQ4_1,
    matmulPanelQ5_0: raw.matmulPanelQ5_0,
    matmulPanelQ5_1: raw.matmulPanelQ5_1,
    matmulPanelQ2_K: raw.matmulPanelQ2_K,
    matmulPanelQ3_K: raw.matmulPanelQ3_K,
    matmulPanelQ4_K: raw.matmulPanelQ4_K,
    matmulPanelQ5_K: raw.matmulPanelQ5_K,
    matmulPanelQ6_K: raw.matmulPanelQ6_K,
    matmulPanelIQ4_NL: raw.matmulPanelIQ4_NL,
    matmulPanelIQ4_XS: raw.matmulPanelIQ4_XS,
    ...checkedRowKernels(raw),
    ...checkedVectorKernels(raw),
    ...checkedSumKernels(raw),
    ...checkedRopeKernels(raw),
    storeKvF16: checkedStoreKv(raw.storeKvF16),
    storeKvF32: checkedStoreKv(raw.storeKvF32),
    storeKvQ8: checkedStoreKv(raw.storeKvQ8),
    attentionF16: checkedAttention(raw.attentionF16, 'f16'),
    attentionF32: checkedAttention(raw.attentionF32, 'f32'),
    attentionQ8: checkedAttention(raw.attentionQ8, 'q8'),
    beginAead: raw.beginAead,
    sealChunk: raw.sealChunk,
    openChunk: raw.openChunk,
    endAead: raw.endAead,
    exp: raw.exp,
    log: raw.log,
    pow: raw.pow,
    sin: raw.sin,
    cos: raw.cos,
  };
}

type VectorKernels = Pick<
  KernelExports,
  'rmsNorm' | 'addBias' | 'relu' | 'swiglu' | 'reglu' | 'reglu2' | 'dreglu' | 'softmax'
>;

function checkedVectorKernels(raw: KernelExports): VectorKernels {
  return {
    rmsNorm(x, weight, y, size, count, epsilon, scales) {
      assertPointers(x, weight, y, scales);
      assertSizes(size, count);
      assert(size > 0, 'something to normalize');
      raw.rmsNorm(x, weight, y, size, count, epsilon, scales);
    },
    addBias(y, bias, rows, count, yStride) {
      assertPointers(y, bias);
      assertSizes(rows, count, yStride);
      assert(count <= 1 || yStride >= rows, 'tokens that do not overlap');
      raw.addBias(y, bias, rows, count, yStride);
    },
    relu(x, length) {
      assertPointers(x);
      assertSizes(length);
      raw.relu(x, length);
    },
    swiglu: checkedGlu(raw.swiglu),
    reglu: checkedGlu(raw.reglu),
    reglu2: checkedGlu(raw.reglu2),
    dreglu: checkedGlu(raw.dreglu),
    softmax(x, length) {
      assertPointers(x);
      assertSizes(length);
      raw.softmax(x, length);
    },
  };
}

function checkedGlu(kernel: GluKernel): GluKernel {
  return (gate, up, out, length) => {
    assertPointers(gate, up, out);
    assertSizes(length);
    kernel(gate, up, out, length);
  };
}

type SumKernels = Pick<KernelExports, 'addPartial' | 'applySum' | 'addInt32' | 'packInt32' | 'unpackInt32'>;

function checkedSumKernels(raw: KernelExports): SumKernels {
  return {
    addPartial(partial, fine, coarse, size, count, scales, bound) {
      assertPointers(partial, fine, coarse, scales);
      assertSizes(size, count, bound);
      assert(bound < 2 ** 31, 'a bound within an int32', bound);
      return raw.addPartial(partial, fine, coarse, size, count, scales, bound);
    },
    applySum(x, fine, coarse, useCoarse, size, count, scales) {
      assertPointers(x, fine, coarse, scales);
      assertSizes(size, count);
      raw.applySum(x, fine, coarse, useCoarse, size, count, scales);
    },
    addInt32(target, source, length) {
      assertPointers(target, source);
      assertSizes(length);
      raw.addInt32(target, source, length);
    },
    packInt32(source, target, length) {
      assertPointers(source);
      assertSizes(target, length);
      return raw.packInt32(source, target, length);
    },
    unpackInt32(source, sourceBytes, target, length) {
      assertPointers(target);
      assertSizes(source, sourceBytes, length);
      return raw.unpackInt32(source, sourceBytes, target, length);
    },
  };
}

function checkedRopeKernels(raw: KernelExports): Pick<KernelExports, 'ropeTable' | 'rope'> {
  return {
    ropeTable(out, firstPosition, count, frequencies, pairs, magnitude) {
      assertPointers(out);
      assert(frequencies % 8 === 0, 'a pointer to float64', frequencies);
      assertSizes(firstPosition, count, pairs);
      raw.ropeTable(out, firstPosition, count, frequencies, pairs, magnitude);
    },
    rope(x, table, positions, headCount, headDim, pairs, count, stride) {
      assertPointers(x, table, positions);
      assertSizes(headCount, headDim, pairs, count, stride);
      assert(2 * pairs <= headDim, 'pairs in a head', pairs, headDim);
      assert(count <= 1 || stride >= headCount * headDim, 'tokens that do not overlap');
      raw.rope(x, table, positions, headCount, headDim, pairs, count, stride);
    },
  };
}

function checkedStoreKv(kernel: StoreKvKernel): StoreKvKernel {
  return (page, k, v, positionInPage, headDim) => {
    assertPointers(page, k, v);
    assert(headDim > 0 && headDim % 4 === 0, 'a head of a multiple of 4 elements', headDim);
    assert(positionInPage >= 0 && positionInPage < pagePositions, 'a position in a page', positionInPage);
    kernel(page, k, v, positionInPage, headDim);
  };
}

function checkedAttention(kernel: AttentionKernel, format: KvFormat): AttentionKernel {
  return (
    q,
    pages,
    base,
    pageStride,
    positions,
    tokens,
    headDim,
    group,
    out,
    qStride,
    outStride,
    scratch,
    scale,
  ) => {
    assertPointers(q, pages, base, out, scratch);
    assertSizes(positions, tokens, group, qStride, outStride);
    assert(positions >= 1 && group >= 1, 'positions and heads', positions, group);
    assert(pageStride >= kvPageBytes(headDim, format), 'bytes of pages', pageStride);
    assert(tokens <= 1 || Math.min(qStride, outStride) >= group * headDim, 'tokens that do not overlap');
    kernel(
      q,
      pages,
      base,
      pageStride,
      positions,
      tokens,
      headDim,
      group,
      out,
      qStride,
      outStride,
      scratch,
      scale,
    );
  };
}
