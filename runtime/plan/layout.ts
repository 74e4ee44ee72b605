/** A run of layers that some ranks compute together: their partial sums are added up at each sync. */
export interface PipelineStage {
  /** Layers [firstLayer, endLayer). */
  readonly firstLayer: number;
  readonly endLayer: number;
  /** For each rank of the cluster its share of these layers, in any unit; 0 where it has no part in them. */
  readonly shares: readonly number[];
  /**
   * For each rank its share of the FFN tiles, where that is not `shares`, for the sake of memory: who has fewer of them for
   * what it is to compute gets those of which a token reads most. Nothing for ranks that have no share of the layers.
   */
  readonly ffnShares?: readonly number[];
}

/**
 * Who computes what: pipeline stages that cover all layers in order, and the output head. One stage of one rank is solo,
 * one of several is tensor parallelism, several of one rank each are a pipeline.
 */
export interface Layout {
  readonly stages: readonly PipelineStage[];
  /** For each rank its share of the output head; 0 where it has no part in it. */
  readonly vocabularyShares: readonly number[];
  /** A step of more tokens is cut into parts of at most so many, of which one computes while another travels. */
  readonly microBatchTokens: number;
  /**
   * What rounding to tiles takes from a rank in one layer it gets back in a later one: for ranks that have just the memory
   * for their shares. By default each layer is divided so that the slowest rank is as little slow as can be.
   */
  readonly keepsShares?: boolean;
}
