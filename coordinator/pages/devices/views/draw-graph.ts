import uPlot from 'uplot';
import { historyMs } from '../cluster/history.ts';
import type { GraphData } from './graph-data.ts';

export interface Graph {
  show(data: GraphData): void;
  resize(width: number): void;
  close(): void;
}

export const seriesColours = 8;
const height = 150;

/** Draws lines over the last minutes into an element, whose styles give their colours. */
export function drawGraph(element: HTMLElement, lines: number): Graph {
  const colour = (name: string) => () => colourOf(element, name);
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-historyMs / 1000, 0] },
        y: { range: (_, __, most) => [0, Math.max(1e-3, most || 1) * 1.1] },
      },
      axes: [
        {
          ...axis,
          values: (_, splits) => splits.map((seconds) => (seconds === 0 ? 'now' : `${seconds / 60} min`)),
          incrs: [60],
          size: 28,
        },
        { ...axis, size: 44 },
      ],
      series: [
        {},
        ...Array.from({ length: lines }, (_, i) => ({
          stroke: colour(`--series-${i % seriesColours}`),
          width: 2,
          points: { show: false },
        })),
      ],
    },
    Array.from({ length: lines + 1 }, () => []) as unknown as uPlot.AlignedData,
    element,
  );
  return {
    show: (data) => plot.setData(data as unknown as uPlot.AlignedData),
    resize: (width) => plot.setSize({ width, height }),
    close: () => plot.destroy(),
  };
}

/** A canvas knows no variables, and no `light-dark()`: an element does. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}
