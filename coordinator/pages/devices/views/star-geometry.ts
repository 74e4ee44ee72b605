export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface StarGeometry {
  readonly width: number;
  readonly height: number;
  readonly centre: Point;
  readonly centreRadius: number;
  readonly nodeRadius: number;
  readonly nodes: readonly Point[];
}

/** Room beside and below a device for its name. */
const labelWidth = 116;
const labelHeight = 62;

/** Places `count` devices around the centre, in CSS pixels of a drawing of some width. */
export function starGeometry(width: number, count: number): StarGeometry {
  const isNarrow = width < 560;
  const height =
    count === 0 ? 220 : isNarrow ? Math.max(380, 300 + 22 * count) : 360 + 12 * Math.max(0, count - 6);
  const nodeRadius = count > 8 ? 24 : 32;
  const centre = { x: width / 2, y: (height - labelHeight / 2) / 2 };
  const radiusX = Math.max(60, Math.min(330, width / 2 - labelWidth / 2 - 8));
  const radiusY = centre.y - nodeRadius - 10;
  const nodes = Array.from({ length: count }, (_, i) => {
    const angle = startAngle(count, isNarrow) + (2 * Math.PI * i) / count;
    return { x: centre.x + radiusX * Math.cos(angle), y: centre.y + radiusY * Math.sin(angle) };
  });
  return { width, height, centre, centreRadius: 40, nodeRadius, nodes };
}

/** Few stand beside the centre; where there is no room, above and below it. */
function startAngle(count: number, isNarrow: boolean): number {
  if (count <= 2) return isNarrow ? -Math.PI / 2 : Math.PI;
  return count % 2 === 0 ? -Math.PI / 2 + Math.PI / count : -Math.PI / 2;
}

/** The part of the way from `from` to `to` outside of two circles. */
export function between(from: Point, fromRadius: number, to: Point, toRadius: number): [Point, Point] {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const at = (distance: number): Point => ({
    x: from.x + ((to.x - from.x) * distance) / length,
    y: from.y + ((to.y - from.y) * distance) / length,
  });
  return [at(fromRadius), at(length - toRadius)];
}

/** Width of a link's line in pixels: tenfold the bytes, two pixels more. */
export function lineWidth(bytesPerStep: number): number {
  if (bytesPerStep <= 0) return 1.5;
  return Math.min(9, Math.max(1.5, 1.5 + 2 * Math.log10(bytesPerStep / 1000)));
}
