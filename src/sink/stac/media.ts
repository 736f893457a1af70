/** Media type and roles of the files that runs write, by their ending; the longest ending that fits counts. */
const MEDIA: readonly (readonly [ending: string, type: string, roles: readonly string[]])[] = [
  ['.tif', 'image/tiff; application=geotiff; profile=cloud-optimized', ['data']],
  ['.tif.aux.xml', 'application/xml', ['metadata']],
  ['.geojson', 'application/geo+json', ['data']],
  ['.geojsonl', 'application/x-ndjson', ['data']],
  ['.geojsons', 'application/geo+json-seq', ['data']],
  ['.fgb', 'application/vnd.flatgeobuf', ['data']],
  ['.gpkg', 'application/geopackage+sqlite3', ['data']],
  ['.parquet', 'application/vnd.apache.parquet', ['data']],
  ['.pmtiles', 'application/vnd.pmtiles', ['data']],
  ['.pmtiles', 'application/vnd.pmtiles', ['data', 'visual']],
  ['preview.png', 'image/png', ['thumbnail', 'overview']],
  ['.qml', 'application/xml', ['style']],
  ['.sld', 'application/vnd.ogc.sld+xml', ['style']],
  ['.html', 'text/html', ['metadata']],
  ['.json', 'application/json', ['metadata']],
];

/** What kind of file a name says it is; plain bytes for names that nothing is known of. */
export function mediaOf(file: string): { readonly type: string; readonly roles: readonly string[] } {
  let best: (typeof MEDIA)[number] | null = null;
  for (const entry of MEDIA) {
    if (file.endsWith(entry[0]) && entry[0].length > (best?.[0].length ?? 0)) best = entry;
  }
  return { type: best?.[1] ?? 'application/octet-stream', roles: best?.[2] ?? ['data'] };
}
