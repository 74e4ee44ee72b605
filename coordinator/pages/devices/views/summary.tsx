import { bytes } from '../../shared/bytes.ts';
import { cluster, devices, isLive } from '../cluster/watch.ts';
import { clusterStates } from '../cluster/words.ts';

/** In one line: which model, how it goes, who computes, and what waits. */
export function Summary() {
  const now = cluster.value;
  if (!now) return <p class="summary">{isLive.value ? '' : 'Asking the coordinator …'}</p>;
  const { state, model, queue } = now;
  const computing = devices.value.filter((device) => device.state === 'ready').length;
  return (
    <p class="summary" role="status">
      <span class={`dot ${!isLive.value ? 'away' : state === 'ready' ? 'ready' : ''}`} />
      <strong>{isLive.value ? clusterStates[state] : 'The coordinator is away'}</strong>
      {model && (
        <span>
          {model.name}{' '}
          <span class="soft">
            {bytes(model.bytes)}, {model.layers} layers
          </span>
        </span>
      )}
      {devices.value.length > 0 && (
        <span>
          {computing} of {devices.value.length} {devices.value.length === 1 ? 'device' : 'devices'} computing
        </span>
      )}
      {queue && queue.running + queue.waiting > 0 && (
        <span>
          {queue.running} of {queue.slots} slots busy{queue.waiting > 0 && `, ${queue.waiting} waiting`}
        </span>
      )}
    </p>
  );
}
