import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** An NVIDIA GPU that this process may use. */
export interface Gpu {
  /** Its number in CUDA, with {@link GPU_ORDER}. */
  readonly deviceId: number;
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** Makes CUDA count GPUs as the driver's tool does, by their place on the bus, and not the fastest first. */
export const GPU_ORDER = { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' } as const;

/**
 * The GPUs that the driver shows and `CUDA_VISIBLE_DEVICES` leaves, numbered as CUDA will; `null` where the driver's tool
 * is not there or says nothing, or where parts of GPUs are chosen (MIG), of which it does not tell.
 * @param visible value of `CUDA_VISIBLE_DEVICES`
 * @param command the driver's tool; another one in tests
 */
export async function listGpus(
  visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
  command = 'nvidia-smi',
): Promise<readonly Gpu[] | null> {
  const query = ['--query-gpu=index,uuid,name,memory.total,memory.free', '--format=csv,noheader,nounits'];
  const stdout = await run(command, query, { timeout: 20_000 }).then(
    (output) => output.stdout,
    () => null,
  );
  if (stdout === null) return null;
  const shown = stdout
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 5)
    .map(([index, uuid, name, total, free]) => ({
      index: index!,
      uuid: uuid!,
      name: name!,
      totalBytes: Number(total) * 2 ** 20,
      freeBytes: Number(free) * 2 ** 20,
    }));
  const chosen = visible === undefined ? shown : chooseVisible(shown, visible);
  return (
    chosen?.map(({ name, totalBytes, freeBytes }, deviceId) => ({ deviceId, name, totalBytes, freeBytes })) ??
    null
  );
}

/** As CUDA reads it: numbers, or beginnings of UUIDs; whatever follows the first one that is not there is not seen. */
function chooseVisible<T extends { readonly index: string; readonly uuid: string }>(
  shown: readonly T[],
  visible: string,
): T[] | null {
  const chosen: T[] = [];
  for (const word of visible.split(',').map((text) => text.trim())) {
    if (word.startsWith('MIG-')) return null;
    const gpu = shown.find(
      ({ index, uuid }) => index === word || (word.startsWith('GPU-') && uuid.startsWith(word)),
    );
    if (gpu === undefined) break;
    chosen.push(gpu);
  }
  return chosen;
}
