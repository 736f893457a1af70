"""One run of GDALPolygonize: RASTER [OUTPUT], into memory or into a file in the format of its ending. Prints JSON."""
import json
import os
import resource
import sys
import time

from osgeo import gdal, ogr

gdal.UseExceptions()
gdal.SetCacheMax(64 << 20)
# The layer has no CRS on purpose: both sides write pixel corners.
gdal.PushErrorHandler("CPLQuietErrorHandler")
source = gdal.Open(sys.argv[1])
output = sys.argv[2] if len(sys.argv) > 2 else None
before = resource.getrusage(resource.RUSAGE_SELF)
started = time.perf_counter()
drivers = {".geojsonl": "GeoJSONSeq", ".fgb": "FlatGeobuf", ".gpkg": "GPKG"}
driver = ogr.GetDriverByName(drivers[os.path.splitext(output)[1]] if output else "Memory")
target = driver.CreateDataSource(output or "memory")
layer = target.CreateLayer("out", None, ogr.wkbPolygon)
layer.CreateField(ogr.FieldDefn("class_id", ogr.OFTInteger))
# Without one transaction around all, each feature of a GeoPackage would be one of its own.
if target.TestCapability(ogr.ODsCTransactions):
    target.StartTransaction()
gdal.Polygonize(source.GetRasterBand(1), None, layer, 0)
count = -1 if output else layer.GetFeatureCount()
del layer
if output:
    if target.TestCapability(ogr.ODsCTransactions):
        target.CommitTransaction()
    del target
wall = time.perf_counter() - started
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"polygons": count, "wallS": wall, "cpuS": cpu, "rssMB": after.ru_maxrss / 1024, "version": gdal.__version__}))
