export { attentionF16, attentionF32, attentionQ8 } from './attention';
export { addRowsQ4_0 } from './add-rows-q4-0';
export { addRowsQ8_0 } from './add-rows-q8-0';
export { addBias } from './bias';
export { beginAead, endAead, openChunk, sealChunk } from './chacha20-poly1305';
export { init } from './constants';
export { dotRowsQ4_0 } from './dot-rows-q4-0';
export { dotRowsQ8_0 } from './dot-rows-q8-0';
export { addInt32, addPartial, applySum } from './fixed-point';
export { groupRowsQ4_0, groupRowsQ8_0 } from './group-rows';
export { storeKvF16, storeKvF32 } from './kv-page';
export { storeKvQ8 } from './kv-page-q8';
export { matmulBF16, matmulF16, matmulF32 } from './matmul-float';
export { matmulIQ4_NL } from './matmul-iq4-nl';
export { matmulIQ4_XS } from './matmul-iq4-xs';
export { matmulPanelBF16, matmulPanelF16, matmulPanelF32 } from './matmul-panel-float';
export {
  matmulPanelIQ4_NL,
  matmulPanelQ4_0,
  matmulPanelQ4_1,
  matmulPanelQ5_0,
  matmulPanelQ5_1,
  matmulPanelQ8_0,
} from './matmul-panel-q8';
export {
  matmulPanelIQ4_XS,
  matmulPanelQ2_K,
  matmulPanelQ3_K,
  matmulPanelQ4_K,
  matmulPanelQ5_K,
  matmulPanelQ6_K,
} from './matmul-panel-q8k';
export { matmulQ2_K } from './matmul-q2-k';
export { matmulQ3_K } from './matmul-q3-k';
export { matmulQ4_0 } from './matmul-q4-0';
export { matmulQ4_1 } from './matmul-q4-1';
export { matmulQ4_K } from './matmul-q4-k';
export { matmulQ5_0 } from './matmul-q5-0';
export { matmulQ5_1 } from './matmul-q5-1';
export { matmulQ5_K } from './matmul-q5-k';
export { matmulQ6_K } from './matmul-q6-k';
export { matmulQ8_0 } from './matmul-q8-0';
export { dropZeros, firingNeurons, gatherF32, neuronsFrom, neuronsOverCut } from './neuron-lists';
export { packInt32, unpackInt32 } from './pack-int32';
export { quantizeQ8, quantizeQ8K } from './quantize';
export { dreglu, reglu, reglu2, relu } from './relu-glu';
export { rmsNorm } from './rms-norm';
export { rope, ropeTable } from './rope';
export { exp, log, pow } from './scalar-math';
export { softmax } from './softmax';
export { swiglu } from './swiglu';
export { cos, sin } from './trigonometry';
