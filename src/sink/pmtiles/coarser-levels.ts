import type { LandCoverClass } from '../../core/classes.ts';
import type { CoverageFeature } from '../../core/coverage.ts';
import type { Grid } from '../../core/grid.ts';
import { scaleGrid } from '../../core/place-pixels.ts';
import type { Generalisation } from '../../vectorize/generalisation.ts';
import { generaliseGraph } from '../../vectorize/generalise-coverage.ts';
import { measureGround } from '../../vectorize/ground-scale.ts';
import { SUBPIXELS } from '../../vectorize/line-shapes.ts';
import { createFaceShaper } from '../../vectorize/shape-face.ts';
import { createGraphTracer, type GraphTracer } from '../../vectorize/trace-graph.ts';
import { RowReducer } from './reduce-rows.ts';
import { EXTENT, type PixelSpan } from './tile-units.ts';

/**
 * Units that a pixel spans at least, each way. New edges pass a quarter of a pixel away from corners (`guard.ts`), which
 * here is four units: enough for what rounding (0.7 units at either end, half of one where tiles are cut) and the bend of
 * the map take.
 */
const PIXEL_UNITS = 16;

/** The deepest zoom: tile numbers of the next would pass 2^53. */
const DEEPEST = 25;

/** Areas smaller than this many pixels of a level go to a neighbour; borders lose their steps. */
const LEVEL: Generalisation = { mmu: { pixels: 4 }, simplify: { method: 'dp', toleranceM: 0.75 } };

/** The raster of one zoom. */
export interface Level {
  readonly zoom: number;
  readonly grid: Grid;
}

/**
 * A level a zoom, finest first. The first is the grid itself at the zoom where its pixels span at least
 * {@link PIXEL_UNITS}; each next one has half its rows and columns and a zoom less, until the scene is about a tile.
 */
export function planLevels(grid: Grid, { least, most }: PixelSpan): Level[] {
  const zoom = Math.max(0, Math.ceil(Math.log2(PIXEL_UNITS / (EXTENT * least))));
  const levels: Level[] = [{ zoom: Math.min(DEEPEST, zoom), grid }];
  for (;;) {
    const last = levels[levels.length - 1]!;
    const { width, height } = last.grid;
    const across = (Math.max(width, height) * most * grid.width) / width;
    if (last.zoom === 0 || across * 2 ** last.zoom <= 1 || Math.min(width, height) < 2) return levels;
    const [w, h] = [Math.floor(width / 2), Math.floor(height / 2)];
    levels.push({ zoom: last.zoom - 1, grid: scaleGrid(grid, grid.width / w, grid.height / h, w, h) });
  }
}

/** Traces a level from the rows of the one below it. */
export class LevelTracer {
  readonly level: Level;
  private readonly reducer: RowReducer;
  private readonly tracer: GraphTracer;

  /** @param finer width and height of the level below. @throws UnsupportedError */
  constructor(level: Level, finer: Pick<Grid, 'width' | 'height'>) {
    this.level = level;
    this.reducer = new RowReducer(finer.width, finer.height);
    this.tracer = createGraphTracer({ width: level.grid.width });
  }

  /** @throws UnsupportedError where the borders would pass their memory limit */
  push(row: Uint8Array): void {
    const reduced = this.reducer.push(row);
    if (reduced !== null) this.tracer.pushRows(reduced, null, 1);
  }

  /** The level's features in longitude and latitude, and its rows. @throws UnsupportedError */
  finish(classes: readonly LandCoverClass[]): {
    readonly features: () => Generator<readonly CoverageFeature[]>;
    readonly rows: () => Generator<Uint8Array>;
  } {
    const { grid } = this.level;
    const { width, height } = grid;
    const shapeFace = createFaceShaper(grid, [{ kind: 'wgs84' }], SUBPIXELS);
    // Sizes are counted in pixels of the level, whatever they are on the ground.
    const ground = measureGround({ width, height, crs: null, transform: null });
    return generaliseGraph(
      this.tracer.finish(),
      { grid, classes, generalisation: LEVEL },
      { ground, minSize: 4 },
      shapeFace,
    );
  }
}
