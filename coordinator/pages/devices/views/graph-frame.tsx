import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Graph } from './draw-graph.ts';
import type { GraphData } from './graph-data.ts';

interface GraphFrameProps {
  title: string;
  data: GraphData;
  /** The latest figures in words, which say what the drawing ends with. */
  children: ComponentChildren;
}

/** A graph with its title. What draws it is loaded when it is first needed. */
export function GraphFrame({ title, data, children }: GraphFrameProps) {
  const place = useRef<HTMLDivElement>(null);
  const graph = useRef<Graph | undefined>(undefined);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const element = place.current!;
    let isGone = false;
    const observer = new ResizeObserver(() => graph.current?.resize(element.clientWidth));
    observer.observe(element);
    void import('./draw-graph.ts').then(({ drawGraph }) => {
      if (isGone) return;
      graph.current = drawGraph(element, latest.current.length - 1);
      graph.current.show(latest.current);
    });
    return () => {
      isGone = true;
      observer.disconnect();
      graph.current?.close();
    };
  }, []);
  useEffect(() => graph.current?.show(data), [data]);
  return (
    <figure class="graph">
      <figcaption>
        <h3>{title}</h3>
        {children}
      </figcaption>
      <div class="drawing" ref={place} role="img" aria-label={`${title} over the last five minutes`} />
    </figure>
  );
}
