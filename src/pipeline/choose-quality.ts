import { ConfigError } from '../core/errors.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { type Blend, checkBlend } from '../stitch/ramp.ts';
import { AUGMENTATIONS, type Augmentation } from './ask-network.ts';

/** How much of exactness may be given up for time. Which weights run with it is for `chooseModel`. */
export type Quality = 'exact' | 'balanced' | 'fast';

/** Names of {@link Quality}. */
export const QUALITIES = ['exact', 'balanced', 'fast'] as const satisfies readonly Quality[];

/** What a run may choose about its windows; what is not named is left to `quality`. */
export interface WindowOptions {
  /** `exact` unless told: nothing is approximated unless an option says so. */
  readonly quality?: Quality;
  /** Pixels between neighbouring windows. */
  readonly stride?: number;
  /** How the scores of overlapping windows are weighted. */
  readonly blend?: Blend;
  /** So many neighbouring windows a side share their context windows; see `shareContext`. */
  readonly shareContext?: number;
  /** Test-time augmentation; `none` unless told. */
  readonly tta?: Augmentation;
}

/** {@link WindowOptions} with every choice made. */
export type WindowChoice = Required<WindowOptions>;

/**
 * Strides as shares of a window, so that a preset means the same to every model. None shares context: sharing it by twos
 * cost a model that lives on its context more than a point of mIoU, for little time.
 */
const PRESETS: Readonly<
  Record<Quality, { readonly share: number; readonly blend: Blend; readonly shareContext: number }>
> = {
  exact: { share: 1 / 2, blend: 'uniform', shareContext: 1 },
  balanced: { share: 3 / 4, blend: 'tapered', shareContext: 1 },
  fast: { share: 7 / 8, blend: 'tapered', shareContext: 1 },
};

/**
 * Makes the choices that options leave open. The presets were picked by `test/bench/quality.ts`; README.md has its table.
 * @throws ConfigError where a choice is none
 */
export function chooseWindows(
  options: WindowOptions,
  { window }: Pick<ModelManifest, 'window'>,
): WindowChoice {
  const { quality = 'exact', tta = 'none' } = options;
  const preset = PRESETS[quality];
  if (preset === undefined) throw unknownChoice('--quality', quality, QUALITIES);
  if (!AUGMENTATIONS.includes(tta)) throw unknownChoice('--tta', tta, AUGMENTATIONS);
  const choice = {
    quality,
    stride: options.stride ?? strideOf(preset.share, window),
    blend: options.blend ?? preset.blend,
    shareContext: options.shareContext ?? preset.shareContext,
    tta,
  };
  checkBlend(choice.blend);
  return choice;
}

/** Half a window is what it always was; other shares are cut down to whole score cells. */
function strideOf(share: number, window: number): number {
  return share === 1 / 2 ? window / 2 : Math.max(Math.floor((share * window) / 4) * 4, 4);
}

/** What makes a run differ from the published order of things; empty where nothing does. */
export function deviationsOf({ blend, shareContext, tta }: WindowChoice): Partial<WindowChoice> {
  return {
    ...(blend !== 'uniform' && { blend }),
    ...(shareContext !== 1 && { shareContext }),
    ...(tta !== 'none' && { tta }),
  };
}

function unknownChoice(flag: string, value: string, choices: readonly string[]): ConfigError {
  return new ConfigError(`${flag} ${value}: must be one of ${choices.join(', ')}`, { pointer: flag, value });
}
