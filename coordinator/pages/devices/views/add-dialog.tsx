import { useSignal } from '@preact/signals';
import { copyText } from '../../shared/clipboard.ts';
import { Dialog } from '../../shared/dialog.tsx';
import { CheckIcon, CopyIcon } from '../../shared/icons.tsx';
import { attempt } from '../../shared/notices.ts';
import { closeDialog } from './dialogs.ts';
import { QrCode } from './qr-code.tsx';

const loopback = /^(localhost|127\.|\[::1\])/;

/** How another device joins. @param joinUrl with the secret behind its `#` */
export function AddDialog({ joinUrl }: { joinUrl: string }) {
  const isLocal = loopback.test(new URL(joinUrl).hostname);
  return (
    <Dialog title="Add a device" onClose={closeDialog}>
      {isLocal && (
        <p class="notice" role="note">
          This coordinator can be reached from this machine only. Start it with{' '}
          <code>hearth serve --lan</code> to let other devices in.
        </p>
      )}
      <div class="add">
        <QrCode text={joinUrl} label="QR code of the link to join by" />
        <ol>
          <li>
            <strong>Phone or tablet</strong>: point its camera at the code and open the link. The page that it
            leads to computes as long as it is open.
          </li>
          <li>
            <strong>Any other browser</strong>: open the link there.
            <CopyLine text={joinUrl} label="Copy the link" />
          </li>
          <li>
            <strong>Computer with Hearth</strong>: run this once.
            <CopyLine text={`npx hearth join "${joinUrl}"`} label="Copy the command" />
          </li>
        </ol>
      </div>
      <p class="soft">Whoever has the link may join: show it to nobody else.</p>
    </Dialog>
  );
}

function CopyLine({ text, label }: { text: string; label: string }) {
  const isCopied = useSignal(false);
  const copy = async () => {
    isCopied.value = await attempt(() => copyText(text));
  };
  return (
    <span class="copy-line">
      <code>{text}</code>
      <button type="button" class="quiet" aria-label={label} onClick={() => void copy()}>
        {isCopied.value ? <CheckIcon /> : <CopyIcon />}
        <span role="status">{isCopied.value ? 'Copied' : 'Copy'}</span>
      </button>
    </span>
  );
}
