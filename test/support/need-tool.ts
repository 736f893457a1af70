import { execFileSync } from 'node:child_process';

const VERSION_ARGS: Readonly<Record<string, readonly string[]>> = {
  'gdal-python': [
    '-c',
    'from osgeo import gdal; import osgeo_utils.samples.validate_cloud_optimized_geotiff',
  ],
  'qgis-python': ['-c', 'import qgis.core'],
  webgpu: ['bin/frustum.js', 'doctor', '--provider', 'webgpu', '--offline'],
  slurm: [
    ...['--pid', '--fork', '--mount-proc', 'sh', '-c'],
    'PATH=$PATH:/usr/sbin; slurmctld -V && slurmd -V && munged -V && command -v sbatch && command -v setpriv',
  ],
};
const COMMANDS: Readonly<Record<string, string>> = {
  'gdal-python': '/usr/bin/python3',
  'qgis-python': '/usr/bin/python3',
  slurm: 'unshare',
  webgpu: process.execPath,
};

/**
 * Whether an outside tool is there, for `describe.skipIf(!needTool('gdalinfo'))`. Says so when a suite is left out, and
 * throws instead of leaving it out when `FRUSTUM_TEST_ALL=1`. `name` is a command, or `gdal-python` and
 * `qgis-python` for the Python modules of GDAL and QGIS in the system's Python, or `slurm` for a cluster of one's own,
 * which needs root, or `webgpu` for a GPU, or a driver that plays one, on which onnxruntime computes
 * (`FRUSTUM_TEST_VULKAN` names a Vulkan driver's JSON file that is not installed).
 */
export function needTool(name: string): boolean {
  try {
    execFileSync(COMMANDS[name] ?? name, VERSION_ARGS[name] ?? ['--version'], { stdio: 'ignore' });
    return true;
  } catch (cause) {
    if (process.env.FRUSTUM_TEST_ALL === '1')
      throw new Error(`FRUSTUM_TEST_ALL=1, but ${name} is missing`, { cause });
    process.stderr.write(`left out: tests that need ${name}\n`);
    return false;
  }
}
