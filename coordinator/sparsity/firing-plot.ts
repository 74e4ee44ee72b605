import type { FiringProfile } from './firing-profile.ts';
import { type FiringReport, firingCurve, firingReport } from './firing-report.ts';

const [width, height, margin] = [420, 300, 44];
const points = 100;

/** The skew of each layer as a curve, from the first layer, blue, to the last, red; and each layer's sparsity as a bar. */
export function firingSvg(profile: FiringProfile): string {
  const report = firingReport(profile);
  const total = 2 * width;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${total}" height="${height}" fill="#fff"/>`,
    frame(0, 'share of neurons, hottest first', 'share of firings'),
    ...profile.counts.map((row, layer) => curve(row, hue(layer, report))),
    frame(width, 'layer', 'sparsity'),
    ...report.layers.map(({ layer, sparsity }) => bar(layer, sparsity, report)),
    '</svg>\n',
  ].join('\n');
}

/** The same on a page of its own, with the figures. */
export function firingHtml(profile: FiringProfile): string {
  const { tokens, layers, sparsity } = firingReport(profile);
  const name = escapeHtml(profile.model);
  const percent = (share: number) => `<td>${(100 * share).toFixed(1)}</td>`;
  const rows = layers.map(
    (it) => `<tr><td>${it.layer}</td>${percent(it.sparsity)}${percent(it.hot)}${percent(it.silent)}</tr>`,
  );
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Neurons of ${name}</title>`,
    '<style>body{font:15px sans-serif;max-width:60em;margin:2em auto}td,th{padding:2px 12px;text-align:right}</style>',
    `<h1>Neurons of ${name}</h1>`,
    `<p>${tokens} tokens; ${(100 * sparsity).toFixed(1)} % of neurons did not fire.</p>`,
    firingSvg(profile),
    '<table><tr><th>layer</th><th>sparsity %</th><th>have 80 % of firings %</th><th>never fired %</th></tr>',
    ...rows,
    '</table></html>\n',
  ].join('\n');
}

const x = (left: number, share: number) => (left + margin + share * (width - 2 * margin)).toFixed(1);
const y = (share: number) => (height - margin - share * (height - 2 * margin)).toFixed(1);

function hue(layer: number, { layers }: FiringReport): string {
  return `hsl(${240 + (120 * layer) / Math.max(1, layers.length - 1)} 70% 45%)`;
}

function frame(left: number, below: string, beside: string): string {
  const [bottom, middle] = [height - margin, left + width / 2];
  const marks = [0, 0.5, 1].map(
    (share) =>
      `<text x="${left + margin - 6}" y="${y(share)}" text-anchor="end">${share}</text>` +
      `<line x1="${x(left, 0)}" x2="${x(left, 1)}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/>`,
  );
  return [
    ...marks,
    `<text x="${middle}" y="${bottom + 30}" text-anchor="middle">${below}</text>`,
    `<text x="${x(left, 0)}" y="${margin - 12}">${beside}</text>`,
  ].join('\n');
}

function curve(row: readonly number[], color: string): string {
  const at = firingCurve(row, points).map((share, i) => `${x(0, i / points)},${y(share)}`);
  return `<polyline points="${at.join(' ')}" fill="none" stroke="${color}"/>`;
}

function bar(layer: number, sparsity: number, report: FiringReport): string {
  const share = 1 / report.layers.length;
  const left = Number(x(width, layer * share));
  const wide = 0.8 * share * (width - 2 * margin);
  const high = Number(y(0)) - Number(y(sparsity));
  return `<rect x="${left.toFixed(1)}" y="${y(sparsity)}" width="${wide.toFixed(1)}" height="${high.toFixed(1)}" fill="${hue(layer, report)}"/>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
