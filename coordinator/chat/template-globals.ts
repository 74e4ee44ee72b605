/** The names that every chat template may use, as transformers provides them. */
export function templateGlobals(nowMs: number): Record<string, unknown> {
  return {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range,
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    strftime_now: (format: string) => formatTime(new Date(nowMs), format),
  };
}

const MAX_RANGE = 1 << 20;

/** Python's `range`, as a list. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE))
    throw new Error(`range() of ${length} numbers; at most ${MAX_RANGE} are allowed`);
  return Array.from({ length }, (_, i) => start + i * step);
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const two = (value: number): string => String(value).padStart(2, '0');

/** Those of Python's strftime fields that date a prompt, in English whatever the host speaks, in local time. */
function formatTime(time: Date, format: string): string {
  const month = MONTHS[time.getMonth()]!;
  const day = DAYS[time.getDay()]!;
  const fields: Record<string, string> = {
    Y: String(time.getFullYear()),
    m: two(time.getMonth() + 1),
    d: two(time.getDate()),
    H: two(time.getHours()),
    I: two(time.getHours() % 12 || 12),
    M: two(time.getMinutes()),
    S: two(time.getSeconds()),
    p: time.getHours() < 12 ? 'AM' : 'PM',
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    '%': '%',
  };
  return format.replaceAll(/%(.)/gs, (field, letter: string) => fields[letter] ?? field);
}
