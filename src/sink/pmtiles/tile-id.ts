/**
 * A tile's number in a PMTiles archive: zooms one after the other, the tiles of each along a Hilbert curve (PMTiles 3,
 * section 4.1).
 */
export function tileId(zoom: number, column: number, row: number): number {
  let [x, y] = [column, row];
  let id = (4 ** zoom - 1) / 3;
  for (let side = 2 ** zoom / 2; side >= 1; side /= 2) {
    const right = (x & side) !== 0 ? 1 : 0;
    const lower = (y & side) !== 0 ? 1 : 0;
    id += side * side * ((3 * right) ^ lower);
    if (lower === 1) continue;
    if (right === 1) {
      x = side - 1 - (x & (side - 1));
      y = side - 1 - (y & (side - 1));
    }
    [x, y] = [y, x];
  }
  return id;
}
