"""GDAL's half of the reading benchmark: makes the files, and reads them.

    read-tiff-gdal.py make FOLDER WIDTH HEIGHT
    read-tiff-gdal.py read FILE whole | windows LIST.json | read FILE hash

`make` prints {name: path}; `read` prints {wallS, cpuS, rssMB, version}. Imports are not timed, opening the file is.
"""
import hashlib, json, os, resource, sys, time

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
TILED = ['TILED=YES', 'BLOCKXSIZE=256', 'BLOCKYSIZE=256']
CASES = {
    'rgb8': {
        'none': TILED,
        'deflate': TILED + ['COMPRESS=DEFLATE', 'PREDICTOR=2'],
        'lzw-strips': ['BLOCKYSIZE=1', 'COMPRESS=LZW'],
        'jpeg': TILED + ['COMPRESS=JPEG', 'PHOTOMETRIC=YCBCR', 'JPEG_QUALITY=85'],
        'zstd': TILED + ['COMPRESS=ZSTD', 'PREDICTOR=2'],
    },
    'u16x4': {
        'none': TILED,
        'deflate': TILED + ['COMPRESS=DEFLATE', 'PREDICTOR=2'],
        'lzw-strips': ['BLOCKYSIZE=1', 'COMPRESS=LZW', 'PREDICTOR=2'],
        'zstd': TILED + ['COMPRESS=ZSTD', 'PREDICTOR=2'],
    },
}


def smooth(rng, rows, columns, width, height):
    """A small random field drawn large."""
    field = gdal.GetDriverByName('MEM').Create('', columns, rows, 1, gdal.GDT_Float32)
    field.GetRasterBand(1).WriteArray(rng.standard_normal((rows, columns)).astype(np.float32))
    return field.ReadAsArray(buf_xsize=width, buf_ysize=height, resample_alg=gdal.GRIORA_Cubic)


def paint(bands, width, height, mean, contrast, grain):
    """Something like land from above: relief of many sizes that all bands share, tints of their own, sensor noise."""
    rng = np.random.default_rng(20)
    shared = sum(smooth(rng, height // size + 2, width // size + 2, width, height) * weight
                 for size, weight in ((1200, 1.0), (200, 0.7), (40, 0.4), (9, 0.3), (3, 0.2)))
    for band in range(bands):
        own = smooth(rng, height // 300 + 2, width // 300 + 2, width, height)
        noise = rng.standard_normal((height, width), dtype=np.float32)
        yield mean + contrast * (shared * (1 - 0.1 * band) + 0.3 * own) + grain * noise


def make(folder, width, height):
    kinds = {'rgb8': (3, gdal.GDT_Byte, 110, 28, 1.5, 255), 'u16x4': (4, gdal.GDT_UInt16, 1400, 300, 16, 10000)}
    files = {}
    for kind, (bands, data_type, mean, contrast, grain, top) in kinds.items():
        scene = gdal.GetDriverByName('MEM').Create('', width, height, bands, data_type)
        for i, values in enumerate(paint(bands, width, height, mean, contrast, grain)):
            scene.GetRasterBand(i + 1).WriteArray(np.clip(np.rint(values), 0, top).astype(np.uint16))
        for name, options in CASES[kind].items():
            path = os.path.join(folder, f'{kind}-{name}.tif')
            gdal.GetDriverByName('GTiff').CreateCopy(path, scene, options=options + ['INTERLEAVE=PIXEL', 'NUM_THREADS=ALL_CPUS'])
            files[f'{kind} {name}'] = path
    print(json.dumps(files))


def read(path, how, windows_path=None):
    windows = json.load(open(windows_path)) if windows_path else None
    start, used = time.perf_counter(), time.process_time()
    scene = gdal.Open(path)
    if windows is None:
        # Interleaved by pixel, as the file and as Frustum's answer is: the fastest way through GDAL.
        pixels = scene.ReadAsArray(interleave='pixel')
    else:
        for x, y, w, h in windows:
            pixels = scene.ReadAsArray(x, y, w, h, interleave='pixel')
    answer = {'wallS': time.perf_counter() - start, 'cpuS': time.process_time() - used}
    answer['rssMB'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer['version'] = gdal.VersionInfo('RELEASE_NAME')
    if how == 'hash':
        answer['sha256'] = hashlib.sha256(pixels.tobytes()).hexdigest()
    print(json.dumps(answer))


if sys.argv[1] == 'make':
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    read(*sys.argv[2:])
