import { dirname, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { LonLatBox } from '../area/lon-lat-area.ts';
import { schemeOf } from '../io/urls.ts';
import type { Pipeline } from '../pipeline/config.ts';
import type { AreaChoice } from '../pipeline/plan-area.ts';
import { parseNumbers } from './verb.ts';

/** Flags that ask for a part of a scene. */
export interface AreaFlags {
  aoi?: string;
  bbox?: LonLatBox;
  bboxPx?: [number, number, number, number];
}

/** Parses four numbers with commas between them. */
export function parseBox(text: string): [number, number, number, number] {
  const numbers = parseNumbers(text);
  if (numbers.length !== 4) throw new InvalidArgumentError('expected four numbers with commas between them');
  return numbers as [number, number, number, number];
}

/** The command line's area, or else the pipeline's; a pipeline's file is relative to it. */
export function chooseArea(
  { aoi, bbox, bboxPx }: AreaFlags,
  pipeline: Pipeline | null,
  pipelinePath: string,
): AreaChoice {
  if (aoi !== undefined || bbox !== undefined || bboxPx !== undefined || pipeline === null) {
    return { ...(aoi !== undefined && { aoi }), ...(bbox && { bbox }), ...(bboxPx && { bboxPx }) };
  }
  const near = (path: string) => (schemeOf(path) === null ? resolve(dirname(pipelinePath), path) : path);
  return {
    ...(pipeline.aoi !== undefined && { aoi: near(pipeline.aoi) }),
    ...(pipeline.bbox && { bbox: pipeline.bbox }),
    ...(pipeline.bboxPx && { bboxPx: pipeline.bboxPx }),
  };
}
