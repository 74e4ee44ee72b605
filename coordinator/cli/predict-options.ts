import { type Command, Option } from 'commander';
import {
  type ApproximationChoice,
  defaultThreshold,
  thresholdLimit,
} from '../../runtime/model/approximation.ts';
import { numberBetween } from './options.ts';

/** Whether answers may be other than the model's own, for speed. */
export interface PredictOptions {
  readonly predict?: boolean;
  readonly predictThreshold: number;
  readonly exact?: boolean;
}

export function addPredictOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--predict',
        'leave out neurons that hardly count, where the model has what tells them: faster, and not exact',
      ).env('HEARTH_PREDICT'),
    )
    .addOption(
      new Option(
        '--predict-threshold <t>',
        'log-odds of firing from which a predicted neuron is computed; lower is nearer to exact',
      )
        .argParser(numberBetween(-thresholdLimit, thresholdLimit))
        .env('HEARTH_PREDICT_THRESHOLD')
        .default(defaultThreshold),
    )
    .option('--exact', 'answer exactly, whatever HEARTH_PREDICT says');
}

/** As `openModel` takes it. */
export function approximationChoice({
  predict,
  predictThreshold,
  exact,
}: PredictOptions): ApproximationChoice | undefined {
  return predict && !exact ? { threshold: predictThreshold } : undefined;
}
