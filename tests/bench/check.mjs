/** Says a figure and whether it is within its limit, if it has one; the program's exit code is 1 if not. */
export function check(what, value, limit, isMost) {
  const holds = limit === undefined || (isMost ? value <= limit : value >= limit);
  const wanted = limit === undefined ? '' : ` (required ${isMost ? '≤' : '≥'} ${limit})`;
  console.log(`${what} ${value.toFixed(3)}${wanted}${holds ? '' : ' MISSED'}`);
  if (!holds) process.exitCode = 1;
}
