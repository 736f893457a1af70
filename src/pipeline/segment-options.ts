import type { GeometryMode } from '../frustum/geometry.ts';
import type { FrustumPlan } from '../frustum/plan.ts';
import type { Sampling } from '../frustum/read-frustum.ts';
import type { SourceOptions } from '../io/source-options.ts';
import type { Provider } from '../model/protocol.ts';
import type { PlaceOptions } from '../scene/place/place-options.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Stretch } from '../scene/stretch.ts';
import type { WindowOptions } from './choose-quality.ts';
import type { ModelChoice, Weights } from './choose-weights.ts';
import type { AreaChoice } from './plan-area.ts';
import type { PolygonOptions } from './polygon-options.ts';

/** What to map, with what, and where to; the whole scene unless an area is given. */
export interface SegmentOptions extends AreaChoice, WindowOptions {
  /** Path, or `file:`, `http(s):` or `s3:` URL, of a GeoTIFF. */
  readonly scene: string | readonly string[];
  /** Model folder that `convertCheckpoint` wrote. */
  readonly model: string;
  /** Which of the model's weights run; `auto` unless told: see `chooseModel`. */
  readonly weights?: Weights;
  /** Made if need be. */
  readonly outDir: string;
  /** Red, green and blue; bands 1, 2, 3 unless told. */
  readonly bands?: BandChoice;
  /** `auto` unless told. */
  readonly stretch?: Stretch;
  /** Where the scene lies, instead of what its files say. */
  readonly place?: PlaceOptions;
  /** The geometry that the model was trained with, unless told. */
  readonly mode?: GeometryMode;
  /** Where context is read from; `exact` (full resolution) unless told. */
  readonly sampling?: Sampling;
  /** Folder of an altitude pyramid; with sampling `pyramid` and no folder, one is made in the output folder. */
  readonly pyramid?: string;
  /**
   * Files of the polygon layer, all written in one pass: file names with the ending of a {@link VectorFormat}, or formats
   * alone (`fgb` is `landcover.fgb`). GeoJSON unless told, empty for none.
   */
  readonly vector?: readonly string[];
  /** Minimum mapping unit, simplification, CRS and the like; the polygons of the pixels unless told. */
  readonly polygons?: PolygonOptions;
  /** Whether to paint `preview.png`; yes unless told. */
  readonly preview?: boolean;
  /** Whether to write `report.html`; yes unless told. */
  readonly report?: boolean;
  /** When the scene was taken, for the STAC Item: an instant, a date, or two with a slash between; as its file says unless told. */
  readonly datetime?: string;
  /** `cpu` unless told. */
  readonly provider?: Provider;
  /** Threads of each of the network's workers; all processors together unless told. */
  readonly threads?: number;
  /** Processes that share the network's work; one a GPU with CUDA, else one, unless told. */
  readonly workers?: number;
  /** GPUs by their numbers in CUDA; all that are visible unless told. */
  readonly gpus?: readonly number[];
  /** Windows that go through the network at once; 1 on processors, as many as GPUs hold with CUDA, unless told. */
  readonly batch?: number;
  /** Budget of the cache of decoded scene blocks; 256 MiB unless told. */
  readonly cacheBytes?: number;
  /**
   * What all processes of the run may take together, in bytes. Caches are planned to fit; a run that does not fit with the
   * smallest ones is refused before it begins, and one that takes more after all is ended. Without it, what the control group
   * allows counts.
   */
  readonly memoryBytes?: number;
  /** How the bytes of a remote scene are read. */
  readonly source?: SourceOptions;
  /** Run even if the outputs of the same run are there already. */
  readonly overwrite?: boolean;
}

/** How a caller follows and stops a run. */
export interface SegmentHooks {
  readonly signal?: AbortSignal;
  /** Which weights run, before anything else. */
  readonly onModel?: (choice: ModelChoice) => void;
  /** The plan, before the first window; its `count` is what {@link onWindow} counts up to. */
  readonly onPlan?: (plan: FrustumPlan) => void;
  /** After each window. */
  readonly onWindow?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}
