import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseColor } from '../core/classes.ts';
import { AbortedError } from '../core/errors.ts';
import { createTiffWriter, type TiffWriter } from '../geotiff/write-tiff.ts';
import { writeError, writeFileAtomic } from '../io/atomic-file.ts';
import { createSynthScene, type SynthOptions } from '../synth/scene.ts';

/** File names in the output folder. */
export const SYNTH_FILES = { scene: 'scene.tif', truth: 'truth.tif', parameters: 'synth.json' } as const;

/** What to make, and where. */
export interface SynthesizeOptions extends SynthOptions {
  /** Folder to write into; made if it is missing. */
  readonly outDir: string;
  /** Called as rows are finished. */
  readonly onProgress?: (progress: { readonly rowsDone: number; readonly rowsTotal: number }) => void;
  readonly signal?: AbortSignal;
}

/** What was made. */
export interface SynthesizeResult {
  readonly scenePath: string;
  readonly truthPath: string;
  readonly parametersPath: string;
  /** Pixels of each class, by class id. */
  readonly pixelCounts: readonly number[];
}

/**
 * Makes a synthetic scene: `scene.tif` (four bands), `truth.tif` (class ids with their colours) and, last, `synth.json`
 * (the parameters and pixel counts). A file appears whole or not at all.
 * @throws ConfigError for parameters out of range; SourceError if a file cannot be written; AbortedError
 */
export async function synthesize(options: SynthesizeOptions): Promise<SynthesizeResult> {
  const { outDir, onProgress, signal, width, height, seed, pixelSizeM = 4 } = options;
  const scene = createSynthScene(options);
  const path = (file: keyof typeof SYNTH_FILES) => join(resolve(outDir), SYNTH_FILES[file]);
  const pixelCounts = scene.classes.map(() => 0);
  // Parameters of an earlier run must not stand beside the pixels of this one.
  await rm(path('parameters'), { force: true }).catch((cause) => {
    throw writeError(path('parameters'), cause);
  });
  const writers: TiffWriter[] = [];
  try {
    const pixels = await createTiffWriter({
      path: path('scene'),
      grid: scene.grid,
      bands: scene.bandNames.length,
      sampleType: scene.bits === 8 ? 'uint8' : 'uint16',
      predictor: 2,
      bandNames: scene.bandNames,
    });
    writers.push(pixels);
    const truth = await createTiffWriter({
      path: path('truth'),
      grid: scene.grid,
      palette: scene.classes.map(({ id, name, color }) => ({ value: id, name, rgb: parseColor(color) })),
    });
    writers.push(truth);
    for (const block of scene.rows()) {
      if (signal?.aborted) throw new AbortedError(`Stopped: ${resolve(outDir)} was not written.`);
      for (const label of block.labels) pixelCounts[label] = pixelCounts[label]! + 1;
      await Promise.all([
        pixels.writeRows(block.pixels, block.rowCount),
        truth.writeRows(block.labels, block.rowCount),
      ]);
      onProgress?.({ rowsDone: block.y + block.rowCount, rowsTotal: height });
    }
    await pixels.close();
    await truth.close();
  } catch (error) {
    for (const writer of writers) await writer.abort();
    throw error;
  }
  const parameters = {
    format: 'frustum-synth',
    version: 1,
    width,
    height,
    seed,
    pixelSizeM,
    bits: scene.bits,
    bands: scene.bandNames,
    classes: scene.classes.map((c) => ({ ...c, pixels: pixelCounts[c.id] })),
  };
  await writeFileAtomic(path('parameters'), `${JSON.stringify(parameters, null, 2)}\n`);
  return {
    scenePath: path('scene'),
    truthPath: path('truth'),
    parametersPath: path('parameters'),
    pixelCounts,
  };
}
