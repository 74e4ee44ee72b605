import type { ComponentChildren } from 'preact';

interface IconButtonProps {
  /** What it does, in words: they stand beside the icon for who cannot see it. */
  label: string;
  disabled?: boolean;
  onClick: () => unknown;
  children: ComponentChildren;
}

export function IconButton({ label, disabled = false, onClick, children }: IconButtonProps) {
  return (
    <button
      type="button"
      class="quiet square"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={() => void onClick()}
    >
      {children}
    </button>
  );
}
