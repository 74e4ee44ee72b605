import { type Operation, operations } from '../../runtime/profile/operations.ts';
import { count, formatTable } from '../cli/output.ts';
import type { PartProfile, ThreadTotal } from './profile.ts';

/** Of what a device calls itself; the column is about as wide anyway. */
const maxNameLength = 16;

/**
 * A table for each part: a line for each operation, a column for each thread, with microseconds per token and their
 * share of the time. Every column adds up to the same total.
 */
export function formatProfile(parts: readonly PartProfile[], incompleteSteps: number): string {
  const tables = parts.map(formatPart).join('\n');
  if (incompleteSteps === 0) return tables;
  return `${tables}\n${incompleteSteps} more steps came without all their spans and are left out\n`;
}

function formatPart(profile: PartProfile): string {
  const { part, tokens, steps, wallMs, threads } = profile;
  const usPerToken = (wallMs * 1000) / tokens;
  const perToken = ({ us }: ThreadTotal, { number }: Operation): number => us[number]! / tokens;
  const shown = Object.values<Operation>(operations).filter(
    (operation) =>
      operation === operations.unaccounted ||
      threads.some((thread) => Math.abs(perToken(thread, operation)) >= 0.05),
  );
  const rows = shown.map((operation) => [
    operation.label,
    ...threads.map((thread) => cell(perToken(thread, operation), usPerToken)),
  ]);
  const table = [
    [part.toUpperCase(), ...threads.map((thread) => columnName(thread, threads))],
    ...rows,
    ['total', ...threads.map(() => cell(usPerToken, usPerToken))],
  ];
  const lost = threads.reduce((sum, thread) => sum + thread.lost, 0);
  const note = lost > 0 ? `${lost} spans found no room: their time is unaccounted\n` : '';
  return `${part}: ${count(tokens, 'token')} in ${count(steps, 'step')}, microseconds per token\n${formatTable(alignRight(table))}${note}`;
}

function columnName({ name, rank, thread }: ThreadTotal, all: readonly ThreadTotal[]): string {
  const several = all.filter((other) => other.rank === rank).length > 1;
  const short = name.slice(0, maxNameLength);
  return several ? `${short}/${thread}` : short;
}

function cell(us: number, totalUs: number): string {
  if (Math.abs(us) < 0.05) return '-';
  return `${us.toFixed(1)} ${((100 * us) / totalUs).toFixed(1).padStart(5)}%`;
}

/** All columns but the first. */
function alignRight(rows: readonly (readonly string[])[]): string[][] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((text, column) => (column === 0 ? text : text.padStart(widths[column]!))));
}
