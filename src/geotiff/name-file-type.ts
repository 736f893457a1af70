/** What a file is that was taken for a TIFF, as words for a message: `an HTML page`, `a PNG image`. */
export function nameFileType(head: Uint8Array): string {
  if (head.length === 0) return 'empty';
  const bytes = Buffer.from(head).toString('latin1');
  for (const [prefix, words] of SIGNATURES) if (bytes.startsWith(prefix)) return words;
  const text = bytes.replace(/^\u00ef\u00bb\u00bf/, '').trimStart();
  for (const [pattern, words] of TEXTS) if (pattern.test(text)) return words;
  if (/^(II|MM)/.test(bytes)) return 'a damaged or unknown TIFF';
  return isText(head) ? 'a text file' : 'of an unknown format';
}

const SIGNATURES: readonly (readonly [string, string])[] = [
  ['\x89PNG', 'a PNG image'],
  ['\xff\xd8\xff', 'a JPEG image'],
  ['GIF8', 'a GIF image'],
  ['BM', 'a BMP image'],
  ['RIFF', 'a WebP image or another RIFF file'],
  ['\0\0\0\x0cjP  ', 'a JPEG 2000 image'],
  ['\xff\x4f\xff\x51', 'a JPEG 2000 code stream'],
  ['PK\x03\x04', 'a ZIP archive'],
  ['\x1f\x8b', 'a gzip file'],
  ['%PDF', 'a PDF document'],
  ['\x89HDF', 'an HDF5 file'],
  ['CDF', 'a NetCDF file'],
  ['NITF', 'an NITF file'],
  ['EHFA_HEADER_TAG', 'an ERDAS Imagine file'],
];

const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/^<(!doctype\s+html|html|head|body)/i, 'an HTML page'],
  [/^<(\?xml|Error)/, 'an XML document (an error reply of an object store, perhaps)'],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer (the real file was not fetched)'],
  [/^[{[]/, 'a JSON document'],
];

function isText(head: Uint8Array): boolean {
  return head.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127));
}
