import { classSlug } from '../core/classes.ts';
import type { ModelManifest } from '../model/manifest.ts';

/** File name of a model's STAC Item, beside its manifest. */
export const MODEL_ITEM_FILE = 'stac-item.json';

const EXTENSIONS = [
  'https://stac-extensions.github.io/mlm/v1.4.0/schema.json',
  'https://stac-extensions.github.io/file/v2.1.0/schema.json',
];

const ROLES: Readonly<Record<keyof ModelManifest['graphs'], string>> = {
  long: 'Encoder of the farthest view',
  short: 'Encoder of the middle view',
  local: 'Near view, fusion and scores',
};

/**
 * The STAC Item of a model, by the Machine Learning Model extension: what goes in and comes out, how it was trained to
 * look, its files with checksums. Maps made with the model link to it. A model has no place and no date of its own: its
 * geometry is `null`, its time open.
 */
export function describeModelItem(manifest: ModelManifest): Readonly<Record<string, unknown>> {
  const { name, input, window, distances, scores, classes, parameters } = manifest;
  const side = window / scores.stride;
  const nameForMlm = mlmName(name);
  return {
    type: 'Feature',
    stac_version: '1.1.0',
    stac_extensions: EXTENSIONS,
    id: name,
    geometry: null,
    properties: {
      title: name,
      description: `SFR-Net for ${classes.length} land-cover classes: looks at each place from the distances ${distances.join(', ')}`,
      datetime: null,
      start_datetime: '1957-10-04T00:00:00Z',
      end_datetime: '9999-12-31T23:59:59Z',
      bands: bandsOf(manifest),
      'mlm:name': nameForMlm,
      'mlm:architecture': 'SFR-Net',
      'mlm:tasks': ['semantic-segmentation'],
      'mlm:framework': 'ONNX',
      'mlm:total_parameters': parameters,
      'mlm:input': [
        {
          name: 'Views of one place, one a distance',
          description:
            'Each graph takes its own view: a window of this many pixels a side, reduced by its distance. Scaling is done in the graphs.',
          bands: input.bands,
          input: {
            shape: [-1, window, window, 3],
            dim_order: ['batch', 'height', 'width', 'channel'],
            data_type: 'uint8',
          },
          value_scaling: input.mean.map((mean, i) => ({
            type: 'z-score',
            mean,
            stddev: input.deviation[i]!,
          })),
        },
      ],
      'mlm:output': [
        {
          name: 'Scores of the near view',
          description: `Logits, one cell for ${scores.stride} x ${scores.stride} pixels`,
          tasks: ['semantic-segmentation'],
          result: {
            shape: [-1, classes.length, side, side],
            dim_order: ['batch', 'class', 'height', 'width'],
            data_type: 'float32',
          },
          'classification:classes': classes.map((entry) => ({
            value: entry.id,
            name: classSlug(entry),
            title: entry.name,
            color_hint: entry.color.slice(1).toUpperCase(),
          })),
        },
      ],
      'mlm:hyperparameters': {
        window,
        distances,
        geometry: manifest.geometry,
        pad_to: manifest.padTo,
        opset: manifest.opset,
        dtype: manifest.dtype,
      },
    },
    links: [],
    assets: assetsOf(manifest),
  };
}

/** Wanted in the properties by the MLM extension, and there only beside an asset with bands by the core. */
function bandsOf({ input }: ModelManifest): { readonly name: string }[] {
  return input.bands.map((name) => ({ name }));
}

function assetsOf(manifest: ModelManifest): Record<string, unknown> {
  const { graphs } = manifest;
  const assets: Record<string, unknown> = {};
  for (const key of ['long', 'short', 'local'] as const) {
    const { file, sizeBytes, sha256, externalData } = graphs[key];
    assets[key] = {
      href: `./${file}`,
      title: ROLES[key],
      type: 'application/octet-stream; framework=onnx; profile=onnx',
      roles: ['mlm:model', 'mlm:weights'],
      'mlm:artifact_type': 'onnx',
      bands: bandsOf(manifest),
      ...fileFields(sizeBytes, sha256),
    };
    if (externalData === undefined) continue;
    assets[`${key}-weights`] = {
      href: `./${externalData.file}`,
      title: `${ROLES[key]}: weights`,
      type: 'application/octet-stream',
      roles: ['mlm:weights'],
      ...fileFields(externalData.sizeBytes, externalData.sha256),
    };
  }
  assets.manifest = { href: './manifest.json', type: 'application/json', roles: ['metadata'] };
  return assets;
}

/** A multihash of SHA-256 begins with its number, 0x12, and its length, 0x20. */
function fileFields(sizeBytes: number, sha256: string): Record<string, unknown> {
  return { 'file:size': sizeBytes, 'file:checksum': `1220${sha256}` };
}

/** The extension wants names that begin with a letter and consist of letters, digits, `_`, `.`, `-` and spaces. */
export function mlmName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_.\- ]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .replace(/[^A-Za-z0-9]+$/, '');
  return plain.length >= 3 ? plain : `model-${plain}`.replace(/-$/, '');
}
