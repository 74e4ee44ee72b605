export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface StarNodePlace extends Point {
  /** Where the name is out of the way of the link. */
  readonly isNameAbove: boolean;
}

export interface StarGeometry {
  readonly height: number;
  readonly centre: Point;
  readonly centreRadius: number;
  readonly nodeRadius: number;
  readonly nodes: readonly StarNodePlace[];
}

/** Room beside, above and below a device for its name and state. */
const labelWidth = 116;
const labelHeight = 46;
const margin = 8;
/** Beyond it a longer line says nothing more. */
const longestLine = 320;

/** Places `count` devices around the centre, in CSS pixels of a drawing of some width. */
export function starGeometry(width: number, count: number): StarGeometry {
  const isNarrow = width < 560;
  const nodeRadius = count > 8 ? 24 : isNarrow ? 28 : 32;
  const centreRadius = isNarrow ? 36 : 40;
  const height = heightOf(count, isNarrow);
  // One device alone stands beside the centre, both in the middle.
  const shift = count === 1 ? Math.min(110, width / 4) : 0;
  const centre = { x: width / 2 - shift, y: height / 2 };
  const radiusX = shift * 2 || Math.min(longestLine, width / 2 - labelWidth / 2 - margin);
  const radiusY = height / 2 - nodeRadius - labelHeight - margin;
  const nodes = Array.from({ length: count }, (_, i) => {
    const angle = startAngle(count, isNarrow) + (2 * Math.PI * i) / count;
    const [right, down] = [radiusX * Math.cos(angle), radiusY * Math.sin(angle)];
    return { x: centre.x + right, y: centre.y + down, isNameAbove: down < -1 };
  });
  return { height, centre, centreRadius, nodeRadius, nodes };
}

function heightOf(count: number, isNarrow: boolean): number {
  if (count === 0) return 140;
  if (count === 2 && isNarrow) return 400;
  if (count <= 2) return 180;
  return isNarrow ? 440 + 20 * count : 400 + 10 * count;
}

/** Two stand beside the centre; where there is no room, above and below it. */
function startAngle(count: number, isNarrow: boolean): number {
  if (count === 1) return 0;
  if (count === 2) return isNarrow ? -Math.PI / 2 : Math.PI;
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
