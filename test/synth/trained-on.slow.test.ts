import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSynthScene } from '../../src/synth/scene.ts';

it('still draws the validation scene of the shipped network, bit for bit', () => {
  const pixels = createHash('sha256');
  const labels = createHash('sha256');
  for (const block of createSynthScene({ width: 2048, height: 2048, seed: 101 }).rows()) {
    pixels.update(block.pixels);
    labels.update(block.labels);
  }
  expect(pixels.digest('hex')).toMatch(/^65ed3dc2f708161c/);
  expect(labels.digest('hex')).toMatch(/^46817d04112c0345/);
});
