import sharp from 'sharp';

/** Bytes that a picture within the page may take: base64 makes 4 of 3, and the page is to stay below 2 MB. */
const MOST_BYTES = 1_300_000;

/** From fine to coarse; the last is small enough for anything. */
const ATTEMPTS = [
  { width: 1600, quality: 84 },
  { width: 1600, quality: 70 },
  { width: 1200, quality: 65 },
  { width: 800, quality: 50 },
] as const;

/** Pixels of a picture. */
interface Part {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A part of an encoded picture as WebP, at most 1600 pixels wide and 1.3 MB large. */
export async function encodePicture(
  picture: Uint8Array,
  { x, y, width: partWidth, height }: Part,
): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }> {
  let bytes: Uint8Array = picture;
  for (const { width, quality } of ATTEMPTS) {
    bytes = await sharp(picture)
      .extract({ left: x, top: y, width: partWidth, height })
      .resize({ width, withoutEnlargement: true })
      .webp({ quality, smartSubsample: true })
      .toBuffer();
    if (bytes.length <= MOST_BYTES) break;
  }
  return { mediaType: 'image/webp', bytes };
}
