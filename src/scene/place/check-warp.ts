import { FormatError } from '../../core/errors.ts';
import type { Grid } from '../../core/grid.ts';
import { createPixelPlacer } from '../../core/place-pixels.ts';

/** Places looked at along each side. */
const PLACES = 17;

/**
 * Makes sure that control points or rational polynomials place the whole of a grid: every place looked at has finite
 * coordinates, and the image is nowhere folded over or squeezed to nothing.
 * @param what the part of the file at `url` that places the grid
 * @throws FormatError
 */
export function checkWarp(grid: Grid, url: string, what: string): void {
  const place = createPixelPlacer(grid);
  if (place === null) return;
  let sign = 0;
  for (let i = 0; i < PLACES * PLACES; i++) {
    const column = ((grid.width - 1) * (i % PLACES)) / (PLACES - 1);
    const row = ((grid.height - 1) * Math.floor(i / PLACES)) / (PLACES - 1);
    const corners = [place(column, row), place(column + 1, row), place(column, row + 1)] as const;
    const [here, east, south] = corners;
    const at = `column ${Math.floor(column)}, row ${Math.floor(row)}`;
    if (here === null || east === null || south === null || !corners.flat().every(Number.isFinite)) {
      throw new FormatError(
        `${url}: ${what} give no place for ${at}: that is outside of what they were made for; check that they belong to this image, crop it, or give --transform`,
        { url, what },
      );
    }
    const area = (east[0] - here[0]) * (south[1] - here[1]) - (east[1] - here[1]) * (south[0] - here[0]);
    if (area === 0 || (sign !== 0 && Math.sign(area) !== sign)) {
      throw new FormatError(
        `${url}: ${what} fold the image over at ${at}, so that different pixels get one place; use --gcp-order 1 with control points, or repair the georeferencing`,
        { url, what },
      );
    }
    sign = Math.sign(area);
  }
}
