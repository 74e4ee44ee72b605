import { type GgufFile, type OpenPart, openGguf } from '../gguf/gguf.ts';
import type { ByteSource } from '../gguf/source.ts';
import { parseSplitName } from '../gguf/split.ts';
import { quantFormatNamed } from '../quant/registry.ts';
import { type TileSpec, tileSpecs } from '../tile/spec.ts';
import type { ApproximationChoice } from './approximation.ts';
import type { ModelConfig } from './config.ts';
import { describeModel, hasNeuronRows } from './describe.ts';
import { architectureNamed } from './registry.ts';
import { type RowShares, rowShares } from './row-shares.ts';
import { TileModel } from './tile-model.ts';

/** A model in a GGUF file, ready to be cut into tiles. What the coordinator holds; agents never see it. */
export class ModelFile extends TileModel {
  readonly gguf: GgufFile;
  readonly config: ModelConfig;
  readonly tiles: readonly TileSpec[];

  /** @param choice of an approximation; without one answers are exact */
  constructor(gguf: GgufFile, choice?: ApproximationChoice) {
    const architecture = architectureNamed(gguf.metadata.string('general.architecture'));
    const config = architecture.readConfig(
      gguf.metadata,
      hasNeuronRows(gguf) ? architecture.sparseActivation : 'silu',
    );
    super(gguf, architecture.name, describeModel(gguf, architecture, config, choice), gguf.files);
    this.gguf = gguf;
    this.config = config;
    this.tiles = tileSpecs(this.description);
  }

  /** What a token reads of each layer's FFN; undefined where that is all of it. */
  get rowShares(): readonly RowShares[] | undefined {
    return rowShares(this.gguf.metadata, this.description);
  }

  /** What people and the API call it: the file's name without its ending. */
  get name(): string {
    return parseSplitName(this.gguf.name)?.prefix ?? this.gguf.name.replace(/\.gguf$/i, '');
  }

  /**
   * Looks up the embeddings of some tokens.
   * @param tokens ids in [0, vocabSize)
   * @param target float32 [tokens, hiddenSize]
   */
  async embed(tokens: readonly number[], target: Float32Array): Promise<void> {
    const { hiddenSize } = this.config;
    const tensor = this.gguf.tensors.get('token_embd.weight')!;
    const format = quantFormatNamed(tensor.type);
    const rowBytes = (hiddenSize / format.blockSize) * format.blockBytes;
    await Promise.all(
      tokens.map(async (token, i) => {
        const row = await this.gguf.readTensor(tensor.name, token * rowBytes, rowBytes);
        format.decode(row, target.subarray(i * hiddenSize, (i + 1) * hiddenSize));
      }),
    );
  }
}

/**
 * Opens a model for computing; a file that holds a vocabulary alone is refused.
 * @param openPart opens the other parts of a split file by name
 * @throws HearthError GGUF_*, MODEL_*
 */
export async function openModelFile(
  source: ByteSource,
  openPart?: OpenPart,
  choice?: ApproximationChoice,
): Promise<ModelFile> {
  return new ModelFile(await openGguf(source, openPart), choice);
}
