import { useSignal } from '@preact/signals';
import { IconButton } from '../../shared/icon-button.tsx';
import { ContinueIcon, DeleteIcon, PauseIcon } from '../../shared/icons.tsx';
import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { owner, setPaused } from '../cluster/owner.ts';
import { openDialog } from './dialogs.ts';

export function DeviceActions({ device: { name, paused } }: { device: KeyedDevice }) {
  const isAsking = useSignal(false);
  const toggle = async () => {
    isAsking.value = true;
    await setPaused(name, !paused);
    isAsking.value = false;
  };
  const isPaired = owner.value?.devices.some((paired) => paired.name === name);
  return (
    <>
      <IconButton
        label={paused ? `Resume ${name}` : `Pause ${name}`}
        disabled={isAsking.value}
        onClick={toggle}
      >
        {paused ? <ContinueIcon /> : <PauseIcon />}
      </IconButton>
      {isPaired && <RevokeButton name={name} />}
    </>
  );
}

export function RevokeButton({ name }: { name: string }) {
  return (
    <IconButton
      label={`Remove ${name}`}
      onClick={() => {
        openDialog.value = { revoke: name };
      }}
    >
      <DeleteIcon />
    </IconButton>
  );
}
