import type { GluKernel } from '../kernels/exports.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { FfnActivation } from '../model/config.ts';

/** The kernel of each activation. */
export const gluKernels: Readonly<Record<FfnActivation, (kernels: Kernels) => GluKernel>> = {
  silu: (kernels) => kernels.swiglu,
  relu: (kernels) => kernels.reglu,
  relu2: (kernels) => kernels.reglu2,
  drelu: (kernels) => kernels.dreglu,
};
