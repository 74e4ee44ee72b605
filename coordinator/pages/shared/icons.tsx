import type { ComponentChildren } from 'preact';

/** Drawn in a square of 24 with the colour of the text; what they mean is said by their buttons. */
function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

const icon = (path: string) => () => (
  <Icon>
    <path d={path} />
  </Icon>
);

export const PlusIcon = icon('M12 5v14M5 12h14');
export const SearchIcon = icon('M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20');
export const SendIcon = icon('M12 19V5M6 11l6-6 6 6');
export const CopyIcon = icon('M9 9h10v11H9zM5 15V4h10');
export const CheckIcon = icon('M5 12.5 10 17l9-10');
export const AgainIcon = icon('M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4');
export const EditIcon = icon('M5 19l1-4L16 5l3 3L9 18l-4 1z');
export const DeleteIcon = icon('M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13');
export const ContinueIcon = icon('M6 5v14M10 6l9 6-9 6z');
export const LeftIcon = icon('M14 6l-6 6 6 6');
export const RightIcon = icon('M10 6l6 6-6 6');
export const DownIcon = icon('M12 5v14M6 13l6 6 6-6');
export const MenuIcon = icon('M4 7h16M4 12h16M4 17h16');
export const CloseIcon = icon('M6 6l12 12M18 6 6 18');
export const SlidersIcon = icon('M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4');
export const ExportIcon = icon('M12 4v11M7 10l5 5 5-5M5 20h14');
export const ImportIcon = icon('M12 15V4M7 9l5-5 5 5M5 20h14');
export const KeyboardIcon = icon('M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8');
export const StarIcon = icon(
  'M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 10V6M10.3 13l-3.6 2.2M13.7 13l3.6 2.2M12 6a1.6 1.6 0 1 0 0-3.2A1.6 1.6 0 0 0 12 6zM5.3 17.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2zM18.7 17.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2z',
);
export const PauseIcon = icon('M9 6v12M15 6v12');
export const SunIcon = icon(
  'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4',
);
export const MoonIcon = icon('M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5z');
export const SystemIcon = icon('M4 5h16v11H4zM9 20h6M12 16v4');

export function StopIcon() {
  return (
    <Icon>
      <rect class="filled" x="7" y="7" width="10" height="10" rx="1.5" />
    </Icon>
  );
}

/** The mark of the project: a flame. */
export function FlameIcon() {
  return (
    <svg class="flame" viewBox="150 100 212 290" aria-hidden="true">
      <path
        fill-rule="evenodd"
        d="M256 118c14 62 92 98 92 186a92 92 0 0 1-184 0c0-40 22-62 36-92 12 16 20 26 34 32-4-44 2-88 22-126zM256 268c-8 32-44 50-44 84a44 44 0 0 0 88 0c0-34-36-52-44-84z"
      />
    </svg>
  );
}
