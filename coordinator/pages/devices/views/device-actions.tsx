import { useSignal } from '@preact/signals';
import { IconButton } from '../../shared/icon-button.tsx';
import { ContinueIcon, DeleteIcon, PauseIcon } from '../../shared/icons.tsx';
import type { KeyedDevice } from '../cluster/keyed-devices.ts';
import { owner, setPaused } from '../cluster/owner.ts';
import { waitsForOwner } from '../cluster/words.ts';
import { openDialog } from './dialogs.ts';

export function DeviceActions({ device }: { device: KeyedDevice }) {
  const { name, link } = device;
  const mayResume = waitsForOwner(device);
  const isAsking = useSignal(false);
  const toggle = async () => {
    isAsking.value = true;
    await setPaused(name, !mayResume);
    isAsking.value = false;
  };
  return (
    <>
      <IconButton
        label={mayResume ? `Resume ${name}` : `Pause ${name}`}
        disabled={isAsking.value}
        onClick={toggle}
      >
        {mayResume ? <ContinueIcon /> : <PauseIcon />}
      </IconButton>
      {owner.value && link === 'websocket' && <RevokeButton name={name} />}
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
