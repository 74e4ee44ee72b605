import { formatTable } from '../../cli/output.ts';
import type { TrainedLayer } from './train-predictors.ts';

export interface TrainingReport {
  /** Undefined where no layer has a predictor that pays. */
  readonly path: string | undefined;
  readonly layers: readonly LayerTraining[];
}

/** Of tokens that were not trained on, at threshold 0; rank 0 for a layer that stays exact. */
export interface LayerTraining {
  readonly layer: number;
  readonly rank: number;
  readonly recall: number;
  readonly named: number;
  readonly cost: number;
}

export function trainingReport(path: string | undefined, layers: readonly TrainedLayer[]): TrainingReport {
  return {
    path,
    layers: layers.map(({ layer, predictor, recall, named, cost }) => ({
      layer,
      rank: predictor?.rank ?? 0,
      recall,
      named,
      cost,
    })),
  };
}

/** What `hearth profile --train-predictor` prints for people. */
export function formatTraining({ path, layers }: TrainingReport): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = layers.map(({ layer, rank, recall, named, cost }) =>
    rank > 0
      ? [String(layer), String(rank), percent(recall), percent(named), percent(cost)]
      : [String(layer), 'exact', '', '', ''],
  );
  const table = formatTable([['LAYER', 'RANK', 'FOUND OF FIRING', 'NAMED OF ALL', 'OF THE GATE'], ...rows]);
  return `${table}${path ? `predictors: ${path}` : 'no predictor would pay: none is written'}\n`;
}
