import { type LandCoverClass, NODATA_CLASS } from '../../core/classes.ts';
import { escapeXml } from './escape-xml.ts';

export interface SldOptions {
  readonly geometry: 'polygon' | 'raster';
  /** The layer's name, e.g. `landcover`. */
  readonly name: string;
  /** Attribute that holds the class id; `class_id` unless told. */
  readonly attribute?: string;
}

/**
 * A Styled Layer Descriptor 1.0.0 (OGC 02-070) as GeoServer and MapServer read it: a colour map of single values for
 * rasters, or one rule a class for polygons. Colours by value are GeoServer's `type="values"`, which the standard doesn't
 * have; other readers take the map for one of intervals, whose ends are the same values.
 */
export function sldForClasses(classes: readonly LandCoverClass[], options: SldOptions): string {
  const { geometry, name, attribute = 'class_id' } = options;
  const rules = geometry === 'raster' ? rasterRule(classes) : polygonRules(classes, attribute);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld" xmlns:ogc="http://www.opengis.net/ogc"' +
      ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"' +
      ' xsi:schemaLocation="http://www.opengis.net/sld http://schemas.opengis.net/sld/1.0.0/StyledLayerDescriptor.xsd">',
    '  <NamedLayer>',
    `    <Name>${escapeXml(name)}</Name>`,
    '    <UserStyle>',
    `      <Name>${escapeXml(name)}</Name>`,
    '      <Title>Land cover</Title>',
    '      <FeatureTypeStyle>',
    ...rules,
    '      </FeatureTypeStyle>',
    '    </UserStyle>',
    '  </NamedLayer>',
    '</StyledLayerDescriptor>',
    '',
  ].join('\n');
}

function rasterRule(classes: readonly LandCoverClass[]): string[] {
  return [
    '        <Rule>',
    '          <RasterSymbolizer>',
    '            <Opacity>1</Opacity>',
    '            <ColorMap type="values">',
    ...classes.map(
      ({ id, name, color }) =>
        `              <ColorMapEntry color="${color.toLowerCase()}" quantity="${id}" label="${escapeXml(name)}" opacity="1"/>`,
    ),
    `              <ColorMapEntry color="#000000" quantity="${NODATA_CLASS}" label="no data" opacity="0"/>`,
    '            </ColorMap>',
    '          </RasterSymbolizer>',
    '        </Rule>',
  ];
}

function polygonRules(classes: readonly LandCoverClass[], attribute: string): string[] {
  return classes.flatMap(({ id, name, color }) => [
    '        <Rule>',
    `          <Name>class-${id}</Name>`,
    `          <Title>${escapeXml(name)}</Title>`,
    '          <ogc:Filter>',
    '            <ogc:PropertyIsEqualTo>',
    `              <ogc:PropertyName>${escapeXml(attribute)}</ogc:PropertyName>`,
    `              <ogc:Literal>${id}</ogc:Literal>`,
    '            </ogc:PropertyIsEqualTo>',
    '          </ogc:Filter>',
    '          <PolygonSymbolizer>',
    '            <Fill>',
    `              <CssParameter name="fill">${color.toLowerCase()}</CssParameter>`,
    '            </Fill>',
    // Fills that only touch would let the background shine through where edges are smoothed.
    '            <Stroke>',
    `              <CssParameter name="stroke">${color.toLowerCase()}</CssParameter>`,
    '              <CssParameter name="stroke-width">0.5</CssParameter>',
    '            </Stroke>',
    '          </PolygonSymbolizer>',
    '        </Rule>',
  ]);
}
