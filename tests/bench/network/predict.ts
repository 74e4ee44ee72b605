import { pipelineLayout, tensorLayout } from '../../../coordinator/cluster/seat-layouts.ts';
import type { Seat } from '../../../coordinator/cluster/roster.ts';
import { openGgufFile } from '../../../coordinator/files/open-model.ts';
import { rankOptions } from '../../../coordinator/rank-options.ts';
import { ModelFile } from '../../../runtime/model/model-file.ts';
import { LayoutCost } from '../../../runtime/plan/cost.ts';
import { problemOf } from '../../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../../runtime/plan/profiles.ts';
import { modelWork } from '../../../runtime/plan/workload.ts';
import { Simulation } from '../../../runtime/simulation/simulation.ts';

/** What was run. */
export interface Run {
  readonly model: string;
  readonly devices: readonly DeviceProfile[];
  readonly cut: 'tensor' | 'pipeline';
  readonly shares: readonly number[];
  readonly contextLength: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

/** @returns milliseconds to the first token and for each further one, by the cost model and played */
export async function predict({ model, devices, cut, shares, contextLength, ...tokens }: Run) {
  const gguf = await openGgufFile(model);
  try {
    const { description, config } = new ModelFile(gguf);
    const options = rankOptions({ model: { config }, kvFormat: 'f16', parallel: 1, contextLength });
    const problem = problemOf(modelWork(description, options), devices, { ...tokens, sequences: 1 });
    const layoutOf = (cut === 'tensor' ? tensorLayout : pipelineLayout)(config.layerCount);
    const seats = shares.map((share) => ({ share }) as Seat);
    const cost = new LayoutCost(problem, layoutOf(seats));
    const { ttftMs, tpotMs } = cost.predict();
    const played = new Simulation(cost);
    return {
      predicted: { ttft: ttftMs, tpot: tpotMs },
      played: { ttft: played.prompt(), tpot: played.decode(1)[0]! },
    };
  } finally {
    await gguf.close();
  }
}
