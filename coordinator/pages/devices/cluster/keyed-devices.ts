import type { DeviceState } from '../../../cluster/device-state.ts';

/** A device that can be told from others of the same name. */
export interface KeyedDevice extends DeviceState {
  readonly key: string;
}

export function keyedDevices(devices: readonly DeviceState[]): readonly KeyedDevice[] {
  return devices.map((device, i) => {
    const before = devices.slice(0, i).filter(({ name }) => name === device.name).length;
    return { ...device, key: before === 0 ? device.name : `${device.name} #${before + 1}` };
  });
}
