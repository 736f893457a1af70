import { type BlockTables, decodeBlock } from './decode-block.ts';
import { type ImageLayout, nameBlock, samplesInBlock } from './image-layout.ts';
import { allocateSamples, type SampleArray, viewSamples } from './sample-array.ts';

/** What all blocks of one image have in common. Plain data: it crosses to threads. */
export interface ImageFacts {
  readonly url: string;
  /** Index of the image's directory, for messages. */
  readonly directory: number;
  readonly layout: ImageLayout;
  readonly tables: BlockTables;
  /** The value of blocks that the file leaves out. */
  readonly fill: number;
}

/** Stored bytes of a span. */
export interface StoredSpan {
  /** From top to bottom; `bytes` is `null` for a block that the file leaves out. */
  readonly blocks: readonly {
    readonly block: number;
    readonly rows: number;
    readonly bytes: Uint8Array | null;
  }[];
}

/**
 * Decodes a span: what {@link decodeBlock} gives, block below block.
 * @returns samples that keep no larger buffer alive, so that a cache of them holds what it counts
 * @throws FormatError if a block is corrupt or too short
 */
export async function decodeSpan(image: ImageFacts, span: StoredSpan): Promise<SampleArray> {
  const { layout } = image;
  const rowSamples = layout.blockWidth * samplesInBlock(layout);
  const decode = async ({ block, rows, bytes }: StoredSpan['blocks'][number]): Promise<SampleArray> => {
    if (bytes === null) {
      return allocateSamples(layout.type, rows * rowSamples).fill(image.fill) as SampleArray;
    }
    const what = nameBlock(layout, block, image.directory);
    return decodeBlock(image.url, layout, bytes, rows, image.tables, what);
  };
  const [first] = span.blocks;
  if (span.blocks.length === 1) return ownMemory(await decode(first!), layout);
  const rows = span.blocks.reduce((sum, block) => sum + block.rows, 0);
  const out = allocateSamples(layout.type, rows * rowSamples);
  let at = 0;
  for (const block of span.blocks) {
    out.set(await decode(block), at);
    at += block.rows * rowSamples;
  }
  return out;
}

function ownMemory(samples: SampleArray, layout: ImageLayout): SampleArray {
  if (samples.buffer.byteLength <= samples.byteLength + 4096) return samples;
  const bytes = new Uint8Array(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  return viewSamples(layout.type, bytes, samples.length);
}
