"""Opens layers in QGIS as a user would and prints their renderers as JSON: read-styles.py LAYER..."""
import json
import os
import sys

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
from qgis.core import QgsApplication, QgsRasterLayer, QgsVectorLayer

application = QgsApplication([], False)
application.initQgis()


def describe(path):
    """`path`, or `path::sld` to style the layer by that SLD instead of by what QGIS finds itself."""
    path, _, sld = path.partition("::")
    raster = path.endswith(".tif")
    layer = QgsRasterLayer(path, "layer") if raster else QgsVectorLayer(path, "layer", "ogr")
    if sld:
        message, ok = layer.loadSldStyle(sld)
        if not ok:
            return {"error": message}
    renderer = layer.renderer()
    kind = renderer.type()
    if kind == "paletted":
        classes = [[int(c.value), c.label, c.color.name()] for c in renderer.classes()]
    elif kind == "categorizedSymbol":
        classes = [[int(c.value()), c.label(), c.symbol().color().name()] for c in renderer.categories()]
    elif kind == "RuleRenderer":
        rules = renderer.rootRule().children()
        classes = [[r.filterExpression(), r.label(), r.symbol().color().name()] for r in rules]
    elif kind == "singlebandpseudocolor":
        ramp = renderer.shader().rasterShaderFunction().colorRampItemList()
        classes = [[i.value, i.label, i.color.name()] for i in ramp]
    else:
        classes = None
    return {"valid": layer.isValid(), "renderer": kind, "classes": classes}


print(json.dumps({path: describe(path) for path in sys.argv[1:]}), flush=True)
# QGIS crashes now and then where Python tears it down.
os._exit(0)
