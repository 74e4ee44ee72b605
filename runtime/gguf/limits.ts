/**
 * What a GGUF file may ask of its reader. Real models stay far below: the largest vocabularies have 256k tokens and
 * headers of 20 MB, the largest mixtures of experts some thousand tensors. All lengths are checked against the
 * bytes that are there as well.
 */
export const MAX_HEADER_BYTES = 256 * 1024 * 1024;
export const MAX_METADATA_ENTRIES = 65_536;
export const MAX_KEY_BYTES = 65_535;
export const MAX_ARRAY_LENGTH = 16_777_216;
export const MAX_TENSORS = 262_144;
export const MAX_TENSOR_NAME_BYTES = 255;
export const MAX_TENSOR_DIMENSIONS = 4;
export const MAX_ALIGNMENT = 1024 * 1024 * 1024;
