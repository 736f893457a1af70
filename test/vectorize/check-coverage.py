"""Judges coverages with GEOS: one JSON object a line in, one a line out.

In: {"name", "geometries": [GeoJSON geometry], "box": [x1, y1, x2, y2] or null}. With a box, the union must be that box.
Out: {"name", "polygons", "complaints": [text]}.
"""

import json
import sys

import shapely


def judge(case):
    complaints = []
    polygons = shapely.from_geojson([json.dumps(g) for g in case["geometries"]])
    valid = shapely.is_valid(polygons)
    for i in range(len(polygons)):
        if not valid[i]:
            complaints.append(f"polygon {i}: {shapely.is_valid_reason(polygons[i])}")
    if not shapely.coverage_is_valid(polygons):
        edges = shapely.coverage_invalid_edges(polygons)
        wrong = [i for i in range(len(edges)) if not shapely.is_empty(edges[i])]
        complaints.append(f"not a coverage at polygons {wrong[:5]}: {edges[wrong[0]].wkt[:200]}")
    elif not complaints:
        union = shapely.unary_union(polygons)
        total = float(shapely.area(polygons).sum())
        if abs(union.area - total) > 1e-9 * max(1.0, total):
            complaints.append(f"the union has area {union.area}, its polygons {total}")
        if case.get("box") is not None and not union.equals(shapely.box(*case["box"])):
            complaints.append("the union is not the raster's rectangle")
    return {"name": case["name"], "polygons": len(polygons), "complaints": complaints}


for line in sys.stdin:
    print(json.dumps(judge(json.loads(line))), flush=True)
