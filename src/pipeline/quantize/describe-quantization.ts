import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { WeightBits } from '../../convert/quantize/quantize-weight.ts';
import type { RangeMethod } from '../../convert/quantize/ranges.ts';
import { withoutSecrets } from '../../io/urls.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import type { LayerChoice } from './choose-layers.ts';
import type { CalibrationWindows } from './choose-windows.ts';
import type { Observed } from './observe-model.ts';
import type { SourceGraphs } from './open-source-model.ts';
import { BRANCHES } from './run-graphs.ts';

interface Parts {
  readonly choice: LayerChoice;
  readonly source: SourceGraphs;
  readonly observed: Observed;
  readonly windows: CalibrationWindows;
  readonly scenes: readonly string[];
  readonly ranges: RangeMethod;
  readonly weightBits: WeightBits;
  readonly model: { readonly name: string; readonly checksum: string };
}

/** What the manifest says of how a model was quantized; nothing in it depends on where files lie. */
export function describeQuantization(parts: Parts): NonNullable<ModelManifest['quantization']> {
  const { choice, source, observed, windows, ranges, weightBits } = parts;
  const work = (layers: readonly { readonly name: string }[]) =>
    layers.reduce((sum, { name }) => sum + observed.work.get(name)!, 0);
  const all = BRANCHES.flatMap((branch) => source.layers[branch]);
  return {
    scenes: parts.scenes.map((url) => posix.basename(withoutSecrets(url).replaceAll('\\', '/'))),
    windows: {
      ranges: windows.ranges.length,
      checks: windows.checks.length,
      sha256: hashWindows(windows),
    },
    ranges,
    weightBits,
    layers: choice.quantized.length,
    work: Math.round((work(choice.quantized) / work(all)) * 1e4) / 1e4,
    float32: [
      ...source.left.map(({ name, reason }) => ({ layer: name, reason })),
      ...choice.kept.map(({ name }) => ({ layer: name, reason: 'loses accuracy' as const })),
    ],
    agreement: Math.round(choice.agreement * 1e5) / 1e5,
    source: parts.model,
  };
}

function hashWindows({ ranges, checks }: CalibrationWindows): string {
  const hash = createHash('sha256');
  for (const { local, short, long } of [...ranges, ...checks])
    for (const view of [local, short, long]) hash.update(view);
  return hash.digest('hex');
}
