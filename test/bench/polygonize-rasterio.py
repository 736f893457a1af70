"""One run of GDALPolygonize in the GDAL that rasterio's wheel brings: RASTER, into memory. Prints JSON.

rasterio.features.shapes polygonizes a whole array into a memory layer before it hands out the first shape: that far it is
timed; reading the raster and making Python objects of the shapes are left out. Polygons are counted on a second walk.
"""

import json
import resource
import sys
import time

import rasterio
from rasterio.features import shapes

with rasterio.Env(GDAL_CACHEMAX=64 << 20), rasterio.open(sys.argv[1]) as source:
    classes = source.read(1)
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    found = shapes(classes, connectivity=4)
    next(found)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    count = 1 + sum(1 for _ in found) if "--count" in sys.argv else -1
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"polygons": count, "wallS": wall, "cpuS": cpu, "rssMB": after.ru_maxrss / 1024, "version": rasterio.__gdal_version__}))
