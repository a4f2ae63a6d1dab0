import type { InferenceSession } from "onnxruntime-node";

/** A seed in [0, 2**64): a number where it is counted exactly, else a bigint or its decimal digits. */
export type Seed = number | bigint | string;

/** Values of an input or output, row by row. */
export interface Values {
  type: string;
  data: Uint8Array | Int32Array | Float32Array | BigInt64Array;
  dims: readonly number[];
}

/** What may be chosen beside the seed. */
export interface Choices {
  /** Such as { temperature: 0.7 }; what is left out has its default. */
  settings?: Record<string, number>;
  /** The class of all samples, by name or number; none: drawn from the seeds. */
  label?: number | string;
  /** What all texts begin with: text, or tokens. */
  prefix?: string | number[];
  /** The most tokens of a text. */
  steps?: number;
  /** (n, height, width, channels), one for each seed, where images are made of images. */
  image?: { data: Uint8Array; dims: readonly number[] };
  /** Inputs to use instead of what would be drawn, one row for each seed. */
  inputs?: Record<string, Values>;
  /** Samples in one run; none: as many as the network takes. */
  batch?: number;
}

/** One image: rows from the top, channels last, 0 to 255. */
export interface Picture {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

export declare const HERE: string;

export declare class Generator {
  /** One sample for each seed. A seed is a sample, in any batch. */
  sample(seeds: Seed[], choices?: Choices): Promise<@SAMPLE_TYPE@>;
  /** What the network gives: uint8 (n, height, width, channels), or tokens int32 (n, steps). */
  outputs(seeds: Seed[], choices?: Choices): Promise<Values>;
  /** The text of a row of tokens, up to its end. */
  decode(tokens: ArrayLike<number>): string;
  /** The tokens of a text. */
  encode(written: string): number[];
}

/** Open the generator of a folder. */
export declare function open(folder?: string, options?: InferenceSession.SessionOptions): Promise<Generator>;
