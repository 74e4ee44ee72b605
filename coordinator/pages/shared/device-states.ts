import type { DeviceState } from '../../cluster/device-state.ts';

/** What a device's state is called where people read it. */
export const deviceStates: Readonly<Record<DeviceState['state'], string>> = {
  'stand-by': 'on stand-by',
  preparing: 'getting its part',
  loading: 'loading',
  ready: 'computing',
  declined: 'cannot take part',
  quarantined: 'quarantined',
};
