import { HearthError } from '../error.ts';
import type { Architecture } from './architecture.ts';
import { bamboo } from './architectures/bamboo.ts';
import { llama } from './architectures/llama.ts';
import { qwen2 } from './architectures/qwen2.ts';

const architectures: ReadonlyMap<string, Architecture> = new Map(
  [llama, qwen2, bamboo].map((architecture) => [architecture.name, architecture]),
);

/** @throws HearthError MODEL_UNKNOWN_ARCHITECTURE, listing the known ones */
export function architectureNamed(name: string): Architecture {
  const architecture = architectures.get(name);
  if (architecture) return architecture;
  const known = [...architectures.keys()].join(', ');
  throw new HearthError(
    'MODEL_UNKNOWN_ARCHITECTURE',
    `the model's architecture "${name}" is not known; known: ${known}`,
    { architecture: name, known },
  );
}
