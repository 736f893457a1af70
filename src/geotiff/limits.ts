/**
 * What a TIFF may ask for before any memory is set aside. All are far above what real scenes need (a Gaofen-2 scene has
 * about 30,000 x 28,000 pixels), and low enough that a crafted file ends with an error, not with a full memory.
 */
export const LIMITS = {
  /** Pixels a side. */
  side: 100_000_000,
  /** Samples a pixel. */
  samples: 4096,
  /** Bytes of one decoded tile or strip. */
  blockBytes: 512 * 1024 * 1024,
  /** Tiles or strips of one image. */
  blocks: 1 << 24,
  /** Image file directories in the chain. */
  directories: 4096,
  /** Entries of one directory. */
  entries: 4096,
  /** Bytes of one tag's value: the offset table of {@link LIMITS.blocks} blocks. */
  tagBytes: (1 << 24) * 8,
} as const;
