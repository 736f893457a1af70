import type { CoverageFeature, CoverageSpace } from './coverage.ts';
import type { Grid } from './grid.ts';
import type { PixelBlock } from './raster.ts';
import type { Window } from './window.ts';

/** What a {@link ByteSource} has cost so far. */
export interface SourceStats {
  /** Calls to the system or requests on the wire, failed ones and redirects included. */
  readonly requests: number;
  /** Bytes that came in, those of failed requests included. */
  readonly bytes: number;
  /** Requests that were made again because an earlier one failed for now. */
  readonly retries: number;
  /** Reads answered without a request of their own, from bytes that came with an earlier one. */
  readonly cacheHits: number;
}

/** Random-access bytes behind a URL. Implementations: file, http(s), s3. */
export interface ByteSource {
  /** Fit for messages and records: without query, user and password. */
  readonly url: string;
  /** Size in bytes. */
  readonly sizeBytes: number;
  /** When the bytes were last changed, in milliseconds since 1970, as of opening; `null` if the source cannot tell. */
  readonly modifiedMs: number | null;
  /** A text that changes when the bytes change, as of opening; `null` if the source cannot tell. */
  readonly version: string | null;
  /** Counters so far. */
  readonly stats: SourceStats;
  /**
   * Reads exactly `length` bytes from `offset`.
   * @throws SourceError if the range reaches past the end, or the bytes cannot be had.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Fills `target` with the bytes from `offset`. Only sources whose bytes the system keeps at hand (local files) have it:
   * there, reading the same bytes again costs less than keeping them.
   * @throws SourceError as `read` does
   */
  readInto?(target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The pixels of a scene as the network sees them: uint8 RGB, plus validity. */
export interface ScenePixels {
  readonly grid: Grid;
  /**
   * uint8 RGB of a window that lies within the grid (`bands` = 3).
   * @throws SourceError, FormatError
   */
  readRgb(window: Window, signal?: AbortSignal): Promise<PixelBlock>;
  /**
   * Validity of a window within the grid: 1 where there is data, 0 where there is none (nodata value or NaN in each chosen
   * band, alpha 0 or mask 0); `null` if the scene has none of these, so that every pixel is valid.
   */
  readValidity(window: Window, signal?: AbortSignal): Promise<Uint8Array | null>;
}

/** What sampling needs of a scene, or of a level of its altitude pyramid. */
export type RgbReader = Pick<ScenePixels, 'grid' | 'readRgb'>;

/** A vector output under way. A call that fails has removed what was written; `abort` may follow and does no harm. */
export interface VectorSink {
  /** Absolute. */
  readonly path: string;
  /** What coordinates it takes. */
  readonly space: CoverageSpace;
  /**
   * Takes the next feature; nothing of it is kept. A promise is returned where the sink wants to be waited for, which
   * callers must do before the next call.
   * @throws SourceError
   */
  write(feature: CoverageFeature): Promise<void> | undefined;
  /**
   * Takes the next rows of the class raster that the features are made of: for formats that draw it coarser, too. Rows
   * come in order, each before the features that end in it.
   * @throws UnsupportedError
   */
  writeRows?(classes: Uint8Array, rowCount: number): void;
  /**
   * Does all that can still fail short of putting the file in its place: several outputs can so be made to appear
   * together. `close` does it where it was not called.
   * @throws SourceError
   */
  finish?(): Promise<void>;
  /**
   * Finishes the file and puts it in its place.
   * @throws SourceError
   */
  close(): Promise<void>;
  /** Removes what was written; does nothing after `close`. */
  abort(): Promise<void>;
}
