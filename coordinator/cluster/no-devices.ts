import { HearthError } from '../../runtime/error.ts';

/** Whether others may still join and end it. */
export function isNoDevices(error: unknown): boolean {
  return error instanceof HearthError && error.code === 'PLAN_NO_DEVICES';
}

export function closed(): HearthError {
  return new HearthError('PLAN_NO_DEVICES', 'the cluster has been closed');
}
