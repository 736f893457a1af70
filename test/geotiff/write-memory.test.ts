import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Writes a class map of the given height and answers the greatest growth of the process, in MB. */
function measureGrowth(path: string, height: number): number {
  const source = new URL('../../src/geotiff/write-tiff.ts', import.meta.url).href;
  const script = `
    const { createTiffWriter } = await import(${JSON.stringify(source)});
    const [width, height, step] = [4000, ${height}, 200];
    const grid = { width, height, transform: null, crs: null };
    const rows = new Uint8Array(width * step);
    const start = process.memoryUsage().rss;
    let peak = start;
    const writer = await createTiffWriter({ path: process.argv[1], grid, nodata: 255, overviews: 'mode' });
    for (let y = 0; y < height; y += step) {
      rows.fill((y / step) % 5);
      await writer.writeRows(rows, step);
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    await writer.close();
    peak = Math.max(peak, process.memoryUsage().rss);
    process.stdout.write(String((peak - start) / 1e6));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, path];
  return Number(
    execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

it('needs no more memory for a high scene than for a low one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'frustum-memory-'));
  try {
    const path = join(folder, 'high.tif');
    const low = measureGrowth(path, 4000);
    const high = measureGrowth(path, 40_000);
    // 160 MB of pixels: a writer that kept the image, or its tiles uncompressed, would grow by that much.
    expect(high).toBeLessThan(80);
    expect(high).toBeLessThan(low + 40);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
