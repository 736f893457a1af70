import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { ConfigError, SourceError } from '../core/errors.ts';
import type { PolygonOptions } from '../pipeline/polygon-options.ts';
import type { AffinityTable } from '../vectorize/generalisation.ts';
import { parsePositive } from './verb.ts';

/** Flags of the verbs that write polygons. */
export interface PolygonFlags {
  mmu?: NonNullable<PolygonOptions['mmu']>;
  affinity?: string;
  connect?: 4 | 8;
  simplify?: NonNullable<PolygonOptions['simplify']>;
  smooth?: number;
  vectorCrs?: string;
  graphMemory?: number;
}

export function addPolygonFlags(command: Command): Command {
  return command
    .option(
      '--mmu <size>',
      'minimum mapping unit: merge smaller areas into the neighbouring class with the longest border; in m2 (5000), or in pixels (25px)',
      parseMmu,
    )
    .option(
      '--affinity <file>',
      'JSON {"from": {"to": weight}} by class ids: what borders count when areas are merged (default: 1; 0 for never)',
    )
    .option(
      '--connect <4|8>',
      '8: areas that meet in a corner only are one feature (default: 4)',
      parseConnectedness,
    )
    .option(
      '--simplify <method:metres>',
      'simplify shared borders once for both sides: dp:10 (Douglas-Peucker) or vw:10 (Visvalingam); pixels without georeferencing',
      parseSimplify,
    )
    .option('--smooth <n>', 'round corners, each drawn in 2^n edges: 1 to 4', parseSmooth)
    .option(
      '--vector-crs <crs>',
      'EPSG:nnnn, or scene for its own, in formats that hold any CRS (default: longitude and latitude)',
    )
    .option(
      '--graph-memory <MiB>',
      'what the borders may take with one of these options (default: 2048)',
      parsePositive,
    );
}

/** @throws SourceError, ConfigError */
export async function readPolygonFlags(flags: PolygonFlags): Promise<PolygonOptions> {
  const { mmu, affinity, connect, simplify, smooth, vectorCrs, graphMemory } = flags;
  return {
    ...(mmu && { mmu }),
    ...(affinity !== undefined && { affinity: await readAffinity(affinity) }),
    ...(connect && { connectedness: connect }),
    ...(simplify && { simplify }),
    ...(smooth !== undefined && { smooth }),
    ...(vectorCrs !== undefined && { crs: vectorCrs }),
    ...(graphMemory !== undefined && { maxGraphBytes: graphMemory * 2 ** 20 }),
  };
}

function parseMmu(text: string): NonNullable<PolygonOptions['mmu']> {
  const match = /^(\d+(?:\.\d+)?)\s*(px|m2)?$/i.exec(text.trim());
  if (match === null)
    throw new InvalidArgumentError('expected an area in m2, e.g. 5000, or in pixels, e.g. 25px');
  const size = Number(match[1]);
  return match[2]?.toLowerCase() === 'px' ? { pixels: size } : { areaM2: size };
}

function parseConnectedness(text: string): 4 | 8 {
  if (text !== '4' && text !== '8') throw new InvalidArgumentError('expected 4 or 8');
  return text === '4' ? 4 : 8;
}

function parseSimplify(text: string): NonNullable<PolygonOptions['simplify']> {
  const match = /^(dp|vw):(\d+(?:\.\d+)?)$/i.exec(text.trim());
  const toleranceM = Number(match?.[2]);
  if (match === null || !(toleranceM > 0)) {
    throw new InvalidArgumentError('expected a method and a tolerance in metres, e.g. dp:10 or vw:10');
  }
  return { method: match[1]!.toLowerCase() === 'dp' ? 'dp' : 'vw', toleranceM };
}

function parseSmooth(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 4)
    throw new InvalidArgumentError('expected a whole number from 1 to 4');
  return n;
}

const weights = z.record(z.string().regex(/^\d+$/), z.record(z.string().regex(/^\d+$/), z.number().min(0)));

async function readAffinity(path: string): Promise<AffinityTable> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(`${path}: the affinity table can't be read (${cause.code})`, {
      url: path,
      status: cause.code ?? null,
      cause,
    });
  });
  try {
    return weights.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : String(cause);
    throw new ConfigError(
      `${path}: no affinity table: ${why}; expected {"0": {"1": 2, "3": 0}} by class ids`,
      {
        pointer: '--affinity',
        cause,
      },
    );
  }
}
