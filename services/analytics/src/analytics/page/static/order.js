// In which order do the rows of a table stand?

/** By `value(row)`. What has no value comes last, whichever way: its place is not known. */
export function ordered(rows, value, isDown) {
  const sign = isDown ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [left, right] = [value(one) ?? null, value(other) ?? null];
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (typeof left === "number" ? left - right : String(left).localeCompare(String(right)));
  });
}
