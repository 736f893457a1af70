import { TiffTag } from '@cogeotiff/core';
import { FormatError } from '../core/errors.ts';
import { type ImageLayout, unsupported } from './image-layout.ts';
import { LIMITS } from './limits.ts';
import type { Directory, TiffHeader } from './read-header.ts';
import type { SampleType } from './sample-array.ts';

/**
 * Reads the layout of one directory and checks it against {@link LIMITS}.
 * @throws FormatError if tags are missing or contradict each other
 * @throws UnsupportedError if a sample type or compression is not read
 */
export async function readLayout(header: TiffHeader, directory: Directory): Promise<ImageLayout> {
  const fault = (what: string, how: string) =>
    new FormatError(`${header.url}: ${what} of image ${directory.index} ${how}; the file is damaged`, {
      url: header.url,
      what,
    });
  const whole = async (tag: TiffTag, what: string, fallback: number | null, most: number) => {
    const value = (await directory.number(tag)) ?? fallback;
    if (value === null) throw fault(what, 'is missing');
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw fault(what, `is ${value}, expected 1 to ${most}`);
    }
    return value;
  };

  const width = await whole(TiffTag.ImageWidth, 'ImageWidth', null, LIMITS.side);
  const height = await whole(TiffTag.ImageHeight, 'ImageLength', null, LIMITS.side);
  const samples = await whole(TiffTag.SamplesPerPixel, 'SamplesPerPixel', 1, LIMITS.samples);
  const planarConfig = await whole(TiffTag.PlanarConfiguration, 'PlanarConfiguration', 1, 2);
  const predictor = await whole(TiffTag.Predictor, 'Predictor', 1, 3);
  const compression = await whole(TiffTag.Compression, 'Compression', 1, 65535);
  const photometric = (await directory.number(TiffTag.Photometric)) ?? 1;
  const { bits, type } = await readSampleType(header, directory, samples);
  const tiled = directory.count(TiffTag.TileWidth) > 0 || directory.count(TiffTag.TileOffsets) > 0;
  const block = tiled
    ? {
        width: await whole(TiffTag.TileWidth, 'TileWidth', null, LIMITS.side),
        height: await whole(TiffTag.TileHeight, 'TileLength', null, LIMITS.side),
      }
    : { width, height: Math.min(height, await whole(TiffTag.RowsPerStrip, 'RowsPerStrip', height, 2 ** 32)) };

  const layout: ImageLayout = {
    width,
    height,
    samples,
    bits,
    type,
    compression,
    predictor,
    photometric,
    planar: planarConfig === 2 && samples > 1,
    tiled,
    blockWidth: block.width,
    blockHeight: block.height,
    blocksAcross: Math.ceil(width / block.width),
    blocksDown: Math.ceil(height / block.height),
    lowBitFirst: (await directory.number(TiffTag.FillOrder)) === 2,
    littleEndian: header.littleEndian,
    extraSamples: (await directory.numbers(TiffTag.ExtraSamples)) ?? [],
  };
  if (layout.blocksAcross * layout.blocksDown * (layout.planar ? samples : 1) > LIMITS.blocks) {
    throw fault(tiled ? 'TileWidth' : 'RowsPerStrip', `makes more than ${LIMITS.blocks} blocks`);
  }
  return layout;
}

async function readSampleType(header: TiffHeader, directory: Directory, samples: number) {
  const bitsList = (await directory.numbers(TiffTag.BitsPerSample)) ?? [1];
  const formatList = (await directory.numbers(TiffTag.SampleFormat)) ?? [1];
  const bits = bitsList[0]!;
  const format = formatList[0]!;
  const used = (list: readonly number[]) => list.slice(0, samples);
  if (used(bitsList).some((b) => b !== bits) || used(formatList).some((f) => f !== format)) {
    throw unsupported(
      header,
      `samples of different types (${used(bitsList).join(', ')} bits)`,
      'convert the bands to one type with gdal_translate -ot',
    );
  }
  const type = sampleTypeOf(bits, format);
  if (type === null) {
    const words = FORMAT_WORDS[format] ?? `SampleFormat ${format}`;
    throw unsupported(header, `${bits}-bit ${words} samples`, 'convert it with gdal_translate -ot UInt16');
  }
  return { bits, type };
}

const FORMAT_WORDS: Readonly<Record<number, string>> = {
  1: 'unsigned integer',
  2: 'signed integer',
  3: 'floating-point',
  4: 'untyped',
  5: 'complex integer',
  6: 'complex floating-point',
};

function sampleTypeOf(bits: number, format: number): SampleType | null {
  if (format === 3) return bits === 16 || bits === 32 ? 'float32' : bits === 64 ? 'float64' : null;
  if (format === 2) return bits === 8 ? 'int8' : bits === 16 ? 'int16' : bits === 32 ? 'int32' : null;
  if (format !== 1 && format !== 4) return null;
  if (bits < 1 || bits > 32) return null;
  return bits <= 8 ? 'uint8' : bits <= 16 ? 'uint16' : 'uint32';
}
