/** Everything about an SFR-Net that its graph depends on, apart from the window size. */
export interface SfrNetArchitecture {
  readonly main: EncoderArchitecture;
  /** Encoder of the short-range window. */
  readonly short: EncoderArchitecture;
  /** Encoder of the long-range window. */
  readonly long: EncoderArchitecture;
  readonly neck: NeckArchitecture;
  readonly head: HeadArchitecture;
}

export type EncoderArchitecture = SwinArchitecture | ResNetArchitecture;

/** Swin transformer; channels double from stage to stage. */
export interface SwinArchitecture {
  readonly kind: 'swin';
  readonly embedDims: number;
  /** Blocks, heads and feed-forward width of each stage. */
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly hidden: readonly number[];
  /** Tokens a side of an attention window. */
  readonly window: number;
}

/** ResNetV1c of basic blocks. */
export interface ResNetArchitecture {
  readonly kind: 'resnet';
  /** Outputs of the three stem convolutions. */
  readonly stem: readonly [number, number, number];
  /** Channels and blocks of each stage. */
  readonly channels: readonly number[];
  readonly depths: readonly number[];
}

export interface NeckArchitecture {
  /** Width of the hidden alignment layer of the short and the long branch. */
  readonly alignHidden: readonly [number, number];
  /** Width of the aligned context maps. */
  readonly aligned: number;
  /** Width of queries, keys and values. */
  readonly attention: number;
}

export interface HeadArchitecture {
  readonly channels: number;
  readonly classes: number;
  readonly poolScales: readonly number[];
}

/** Channels of every stage of an encoder. */
export function stageChannels(encoder: EncoderArchitecture): readonly number[] {
  return encoder.kind === 'swin'
    ? encoder.depths.map((_, i) => encoder.embedDims * 2 ** i)
    : encoder.channels;
}

/** Channels of an encoder's last stage. */
export function lastChannels(encoder: EncoderArchitecture): number {
  return stageChannels(encoder).at(-1)!;
}
