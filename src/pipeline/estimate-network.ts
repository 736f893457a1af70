import type { ModelManifest } from '../model/manifest.ts';

/** What is known of a network before it is opened: parts of its manifest. */
export interface NetworkForm extends Pick<ModelManifest, 'architecture' | 'window'> {
  readonly graphs: Readonly<Record<keyof ModelManifest['graphs'], GraphSize>>;
}

interface GraphSize {
  readonly sizeBytes: number;
  readonly externalData?: { readonly sizeBytes: number } | undefined;
}

/** How a run has the network work. */
export interface NetworkUse {
  /** Processes of the network; 1 unless told. */
  readonly workers?: number;
  /** Windows that go through the graphs at once; 1 unless told. */
  readonly batch?: number;
}

/** Resident memory of the network's processes, all of them together, less the features that they keep. */
export interface NetworkMemory {
  readonly totalBytes: number;
  /** Node.js and onnxruntime, and messages on their way. */
  readonly baseBytes: number;
  /** Weights, as onnxruntime holds them. */
  readonly weightBytes: number;
  /** What the graphs hold while they run, and go on holding. */
  readonly activationBytes: number;
}

const MIB = 1024 * 1024;
/** A child with the three graphs of a small network open holds 97 to 100 MiB beside its weights; on Node.js 24, 15 more. */
const BASE_BYTES = 115 * MIB;
/**
 * Views and scores of messages that V8 has not collected: it lets external arrays grow by so much. Seen after 400 windows:
 * 15 to 60 MiB on Node.js 20, and up to 20 more on 24.
 */
const GARBAGE_BYTES = 80 * MIB;
/**
 * onnxruntime repacks the weights of matrix products and keeps others as they were: the full-size GID network's child holds
 * 1.57 times its graphs' 997 MiB when it is open.
 */
const WEIGHT_COPIES = 1.6;
/**
 * The second run of a graph plans its memory in one piece, beside the pieces that the first run left: the child grows as
 * much again. A tenth is what the arena rounds up.
 */
const ARENA_COPIES = 2.2;

/** Estimates what the network's processes will hold, from the manifest alone. */
export function estimateNetwork(form: NetworkForm, { workers = 1, batch = 1 }: NetworkUse): NetworkMemory {
  const messages = batch * MESSAGE_COPIES * viewsBytes(form.window);
  const each = {
    baseBytes: BASE_BYTES + GARBAGE_BYTES + messages,
    weightBytes: Math.round(WEIGHT_COPIES * graphBytes(form)),
    activationBytes: Math.round(ARENA_COPIES * batch * activationBytes(form)),
  };
  const all = {
    baseBytes: workers * each.baseBytes,
    weightBytes: workers * each.weightBytes,
    activationBytes: workers * each.activationBytes,
  };
  return { totalBytes: all.baseBytes + all.weightBytes + all.activationBytes, ...all };
}

/** A request is held as the message that came and as the arrays in it. */
const MESSAGE_COPIES = 2;

function viewsBytes(window: number): number {
  return 3 * window * window * 3;
}

function graphBytes({ graphs }: NetworkForm): number {
  return Object.values(graphs)
    .flatMap((graph) => (graph.externalData ? [graph, graph.externalData] : [graph]))
    .reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** Widths of an SFR-Net as the manifest tells them; the published network's where it tells none. */
interface Widths {
  readonly main: Encoder;
  readonly short: Encoder;
  readonly long: Encoder;
  readonly head: { readonly channels: number };
}

type Encoder =
  | {
      readonly kind: 'swin';
      readonly embedDims: number;
      readonly heads: readonly number[];
      readonly window: number;
    }
  | { readonly kind: 'resnet'; readonly stem: readonly number[]; readonly channels: readonly number[] };

const PUBLISHED_WIDTHS = {
  main: { kind: 'swin', embedDims: 192, heads: [6, 12, 24, 48], window: 12 },
  short: { kind: 'resnet', stem: [32, 32, 64], channels: [64, 128, 256, 512] },
  long: { kind: 'resnet', stem: [32, 32, 64], channels: [64, 128, 256, 512] },
  head: { channels: 512 },
} as const satisfies Widths;

/** The network that was published for GID: its widths, and the sizes of its graphs. */
export const PUBLISHED_NETWORK = {
  architecture: PUBLISHED_WIDTHS,
  graphs: {
    long: { sizeBytes: 52_651_012 },
    short: { sizeBytes: 52_651_013 },
    local: { sizeBytes: 940_075_232 },
  },
} as const;

/**
 * Float32 maps that the three graphs hold at their fullest, one window each; each graph has an arena of its own. Counted
 * are the widest places, as if they came together. Children of 20 networks (windows of 64 to 1024 px, Swin and ResNet, the
 * full-size GID network among them) were seen to take 0.6 to 0.95 of what the estimate comes to.
 */
function activationBytes({ architecture, window }: NetworkForm): number {
  const widths = { ...PUBLISHED_WIDTHS, ...architecture } as Widths;
  const { main, short, long, head } = widths;
  // Positions of the local window at a quarter, of the contexts at an eighth, of the deepest local map.
  const tokens = (window / 4) ** 2;
  const contextPositions = Math.ceil(window / 8) ** 2;
  const queries = main.kind === 'swin' ? Math.ceil(window / 32) ** 2 : contextPositions;
  // Scores of the queries over all positions of a context, and their softmax.
  const fusion = 2 * queries * contextPositions;
  // A pyramid of maps, its laterals and what is summed of them.
  const decoding = 6 * head.channels * tokens;
  const image = 3 * 3 * window * window;
  const local = encoderFloats(main, tokens) + stageFloats(main, tokens) + Math.max(decoding, fusion) + image;
  const contexts = [short, long].map((encoder) => encoderFloats(encoder, tokens) + image);
  return 4 * Math.round(contexts.reduce((sum, floats) => sum + floats, local));
}

/** The widest place of an encoder: a stem's convolutions at half the resolution, or attention within windows. */
function encoderFloats(encoder: Encoder, tokens: number): number {
  if (encoder.kind === 'resnet') return 3 * Math.max(...encoder.stem) * 4 * tokens;
  const { embedDims, heads, window } = encoder;
  const scores = 2 * heads[0]! * window * window;
  return (scores + 4 * embedDims) * tokens;
}

/** Outputs of the stages, which wait for the decoder: each has twice the channels of the one before, on a quarter of its positions. */
function stageFloats(encoder: Encoder, tokens: number): number {
  const first = encoder.kind === 'swin' ? encoder.embedDims : encoder.channels[0]!;
  return 2 * first * tokens;
}
