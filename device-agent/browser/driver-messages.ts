import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { Capabilities, MemoryUse, Report } from '../../runtime/protocol/messages.ts';
import type { GpuWishes } from '../gpu-wishes.ts';
import type { JoinStatus } from '../keep-joined.ts';

/** How a tab lends its device, as its owner wants it. */
export interface DriverSettings {
  /** The coordinator's address for devices. */
  readonly url: string;
  readonly secret: string | undefined;
  readonly name: string;
  /** Of the rank; more than one only where they can share a memory. */
  readonly threads: number;
  /** What the memories of the rank may take. */
  readonly memoryBytes: number;
  /** What kept tiles may take. */
  readonly cacheBytes: number;
  readonly gpu: GpuWishes;
}

/** What the page tells the worker that is a device; the first is `join`. */
export type DriverCommand =
  | { readonly type: 'join'; readonly settings: DriverSettings }
  /** Leave this device out, or, without a reason, no longer. */
  | { readonly type: 'standBy'; readonly reason: string }
  /** Part of the time in which it may compute, 0 to 1. */
  | { readonly type: 'effort'; readonly effort: number }
  /** Ends the work. */
  | { readonly type: 'leave' };

/** What a rank has done since the page was opened, and what it takes. */
export interface WorkReport {
  readonly steps: number;
  readonly tokens: number;
  readonly tiles: number;
  /** Undefined while there is no rank. */
  readonly memory: Omit<MemoryUse, 'steps'> | undefined;
}

/** What the worker tells the page. */
export type DriverReport =
  | {
      readonly type: 'started';
      readonly kernels: Capabilities['kernels'];
      /** What the GPU is called, if there is one to use. */
      readonly gpu: string | undefined;
    }
  | { readonly type: 'status'; readonly status: JoinStatus }
  | { readonly type: 'work'; readonly work: WorkReport }
  | { readonly type: 'rates'; readonly rates: DeviceRates }
  /** Of what goes wrong and does not end the work. */
  | { readonly type: 'note'; readonly message: string }
  /** The end; without a report it was asked for. */
  | { readonly type: 'ended'; readonly report: Report | undefined };
