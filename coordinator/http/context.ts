import type { JsonBodies } from './json-bodies.ts';
import type { ServedModel } from './served-model.ts';

/** What all routes share. */
export interface ApiContext {
  /** The models offered, the default one first; none while loading. */
  readonly models: () => readonly ServedModel[];
  readonly bodies: JsonBodies;
  readonly pingIntervalMs: number;
  /** A seed for a request that brings none. */
  readonly randomSeed: () => number;
  readonly nowSeconds: () => number;
  /** Told of every error that is the server's own fault. */
  readonly onError: (error: unknown) => void;
}
