import { type LandCoverClass, parseColor } from '../../core/classes.ts';
import { escapeXml } from './escape-xml.ts';

export interface QmlOptions {
  /** What the style is for; `both` makes one file that serves rasters and polygons alike. */
  readonly geometry: 'polygon' | 'raster' | 'both';
  /** Attribute that holds the class id; `class_id` unless told. */
  readonly attribute?: string;
}

/**
 * A QGIS style with one category a class: colour, and name as label.
 *
 * QGIS looks for a `.qml` with the base name of what it opens, whatever the type of the layer: `landcover.tif` and
 * `landcover.fgb` share one. It takes `pipe` of a style for rasters and `renderer-v2` for vectors, and ignores the other;
 * a file with both therefore colours either.
 */
export function qmlForClasses(classes: readonly LandCoverClass[], options: QmlOptions): string {
  const { geometry, attribute = 'class_id' } = options;
  return document([
    ...(geometry === 'polygon' ? [] : rasterOf(classes)),
    ...(geometry === 'raster' ? [] : polygonsOf(classes, attribute)),
  ]);
}

/** A QGIS style for `confidence.tif`: from dark for 0 % to bright for 100 %, with a legend in per cent. */
export function qmlForConfidence(): string {
  const stops = CONFIDENCE_RAMP.map(({ percent, color }) => {
    const value = Math.round((percent / 100) * 2550) / 10;
    return `          <item value="${value}" color="${color}" alpha="255" label="${percent} %"/>`;
  });
  return document([
    '  <pipe>',
    '    <rasterrenderer type="singlebandpseudocolor" band="1" alphaBand="-1" opacity="1" nodataColor="" classificationMin="0" classificationMax="255">',
    '      <rastershader>',
    '        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="255">',
    ...stops,
    '        </colorrampshader>',
    '      </rastershader>',
    '    </rasterrenderer>',
    '  </pipe>',
  ]);
}

/** Dark violet to yellow, even to the eye and told apart by the colour-blind (after the viridis map). */
export const CONFIDENCE_RAMP = [
  { percent: 0, color: '#440154' },
  { percent: 25, color: '#3b528b' },
  { percent: 50, color: '#21918c' },
  { percent: 75, color: '#5ec962' },
  { percent: 100, color: '#fde725' },
] as const;

function document(lines: readonly string[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>",
    '<qgis version="3.22.0" styleCategories="Symbology">',
    ...lines,
    '</qgis>',
    '',
  ].join('\n');
}

function rasterOf(classes: readonly LandCoverClass[]): string[] {
  return [
    '  <pipe>',
    '    <rasterrenderer type="paletted" band="1" alphaBand="-1" opacity="1" nodataColor="">',
    '      <colorPalette>',
    ...classes.map(
      ({ id, name, color }) =>
        `        <paletteEntry value="${id}" color="${color.toLowerCase()}" alpha="255" label="${escapeXml(name)}"/>`,
    ),
    '      </colorPalette>',
    '    </rasterrenderer>',
    '  </pipe>',
  ];
}

function polygonsOf(classes: readonly LandCoverClass[], attribute: string): string[] {
  return [
    `  <renderer-v2 type="categorizedSymbol" attr="${escapeXml(attribute)}" symbollevels="0" enableorderby="0" forceraster="0">`,
    '    <categories>',
    ...classes.map(
      ({ id, name }, i) =>
        `      <category value="${id}" type="long" symbol="${i}" label="${escapeXml(name)}" render="true"/>`,
    ),
    '    </categories>',
    '    <symbols>',
    ...classes.flatMap(({ color }, i) => symbolOf(i, color)),
    '    </symbols>',
    '  </renderer-v2>',
    // 2 is polygon: QGIS refuses the style for lines and points.
    '  <layerGeometryType>2</layerGeometryType>',
  ];
}

/** Outlined in its own colour: fills that only touch would let the background shine through where edges are smoothed. */
function symbolOf(name: number, color: string): string[] {
  const rgba = `${parseColor(color).join(',')},255`;
  return [
    `      <symbol name="${name}" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">`,
    '        <layer class="SimpleFill" enabled="1" locked="0" pass="0">',
    `          <prop k="color" v="${rgba}"/>`,
    '          <prop k="style" v="solid"/>',
    '          <prop k="outline_style" v="solid"/>',
    `          <prop k="outline_color" v="${rgba}"/>`,
    '          <prop k="outline_width" v="0"/>',
    '        </layer>',
    '      </symbol>',
  ];
}
