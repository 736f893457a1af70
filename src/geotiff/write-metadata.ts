/** A class of a palette image, for names and colours beside the pixels. */
export interface PaletteClass {
  /** Pixel value, 0 to 255. */
  readonly value: number;
  readonly name: string;
  readonly rgb: readonly [r: number, g: number, b: number];
}

/**
 * The text of GDAL's metadata tag (42112), or `null` if there is nothing to say. GDAL reads values through two layers of
 * escaping, and cuts a value that was escaped once at its first `&`; names are attributes and are escaped once.
 */
export function gdalMetadataXml(
  metadata: Readonly<Record<string, string>>,
  bandNames: readonly string[],
): string | null {
  const items = Object.entries(metadata).map(
    ([name, value]) => `  <Item name="${escapeXml(name)}">${escapeXml(escapeXml(value))}</Item>\n`,
  );
  bandNames.forEach((name, band) => {
    const value = escapeXml(escapeXml(name));
    items.push(`  <Item name="DESCRIPTION" sample="${band}" role="description">${value}</Item>\n`);
  });
  return items.length === 0 ? null : `<GDALMetadata>\n${items.join('')}</GDALMetadata>\n`;
}

/**
 * GDAL's side file (`NAME.tif.aux.xml`) with the class names of band 1, as category names and as a raster attribute
 * table: GDAL up to now has no place for names within a TIFF, and QGIS and ArcGIS take their legends from here.
 */
export function paletteSideFileXml(classes: readonly PaletteClass[]): string {
  const names = new Map(classes.map((c) => [c.value, c.name]));
  const count = Math.max(-1, ...names.keys()) + 1;
  const categories = Array.from({ length: count }, (_, value) => {
    const name = names.get(value);
    return name === undefined ? '      <Category />\n' : `      <Category>${escapeXml(name)}</Category>\n`;
  });
  const rows = classes.map(({ value, name, rgb }, i) => {
    const cells = [value, name, ...rgb].map((cell) => `<F>${escapeXml(String(cell))}</F>`);
    return `      <Row index="${i}">${cells.join('')}</Row>\n`;
  });
  return (
    '<PAMDataset>\n  <PAMRasterBand band="1">\n' +
    `    <CategoryNames>\n${categories.join('')}    </CategoryNames>\n` +
    '    <GDALRasterAttributeTable tableType="thematic">\n' +
    ATTRIBUTE_COLUMNS.map(
      ([name, type, usage], i) =>
        `      <FieldDefn index="${i}"><Name>${name}</Name><Type>${type}</Type><Usage>${usage}</Usage></FieldDefn>\n`,
    ).join('') +
    `${rows.join('')}    </GDALRasterAttributeTable>\n  </PAMRasterBand>\n</PAMDataset>\n`
  );
}

/** Name, GDALRATFieldType (0 integer, 2 string), GDALRATFieldUsage (5 value, 2 name, 6 to 8 red, green, blue). */
const ATTRIBUTE_COLUMNS = [
  ['Value', 0, 5],
  ['Class', 2, 2],
  ['Red', 0, 6],
  ['Green', 0, 7],
  ['Blue', 0, 8],
] as const;

/** Escapes for element text and double-quoted attributes; control characters, which XML 1.0 does not have, become `?`. */
function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text
    .replace(/\p{Cc}/gu, (c) => (c === '\n' || c === '\t' ? c : '?'))
    .replace(/[&<>"]/g, (c) => entities[c]!);
}
