import { useSignal } from '@preact/signals';
import { savedTheme, saveTheme, type Theme } from './theme.ts';
import { IconButton } from './icon-button.tsx';
import { MoonIcon, SunIcon, SystemIcon } from './icons.tsx';

const themes: Readonly<Record<Theme, { name: string; next: Theme; Icon: () => preact.JSX.Element }>> = {
  system: { name: 'as on this device', next: 'light', Icon: SystemIcon },
  light: { name: 'light', next: 'dark', Icon: SunIcon },
  dark: { name: 'dark', next: 'system', Icon: MoonIcon },
};

export function ThemeButton() {
  const theme = useSignal(savedTheme());
  const { name, next, Icon } = themes[theme.value];
  const change = () => {
    theme.value = next;
    saveTheme(next);
  };
  return (
    <IconButton label={`Colours: ${name}`} onClick={change}>
      <Icon />
    </IconButton>
  );
}
