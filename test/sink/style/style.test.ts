import * as fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { SldStyleParser } from 'geostyler-sld-parser';
import { describe, expect, it } from 'vitest';
import type { LandCoverClass } from '../../../src/core/classes.ts';
import { escapeXml } from '../../../src/sink/style/escape-xml.ts';
import { qmlForClasses, qmlForConfidence } from '../../../src/sink/style/qml.ts';
import { sldForClasses } from '../../../src/sink/style/sld.ts';

const CLASSES: readonly LandCoverClass[] = [
  { id: 0, name: 'unlabeled', color: '#000000' },
  { id: 3, name: 'rock & <sand> "dry"', color: '#FF8000' },
  { id: 7, name: "l'eau été 水", color: '#0000ff' },
];

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  processEntities: true,
  htmlEntities: true,
  trimValues: false,
});

/** What an XML reader finds; throws where the text is not well-formed. */
function parse(xml: string) {
  expect(XMLValidator.validate(xml)).toBe(true);
  return parser.parse(xml);
}

interface Rule {
  readonly name: string;
  readonly filter?: unknown;
  readonly symbolizers: readonly unknown[];
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

const classLists = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 0, max: 254 }),
    name: fc.string({ minLength: 1, unit: 'grapheme' }),
    color: fc.integer({ min: 0, max: 0xffffff }).map((n) => `#${n.toString(16).padStart(6, '0')}`),
  }),
  { minLength: 1, maxLength: 12, selector: ({ id }) => id },
);

describe('escapeXml', () => {
  it('gives back any text that XML can hold, as attribute and as element', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeXml(text);
        const { a } = parse(`<a b="${escaped}">x${escaped}x</a>`);
        const holdable = text.replace(
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML cannot hold
          /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu,
          '\ufffd',
        );
        expect(a.b).toBe(holdable);
        expect(a['#text']).toBe(`x${holdable}x`);
      }),
    );
  });
});

describe('qmlForClasses', () => {
  it('has a category a class, with its colour and its name, for rasters and for polygons', () => {
    fc.assert(
      fc.property(classLists, (classes) => {
        const { qgis } = parse(qmlForClasses(classes, { geometry: 'both' }));
        const entries = list(qgis.pipe.rasterrenderer.colorPalette.paletteEntry);
        expect(entries.map(({ value, color, label }) => ({ id: Number(value), color, name: label }))).toEqual(
          classes,
        );
        const renderer = qgis['renderer-v2'];
        expect(renderer.attr).toBe('class_id');
        const symbols = new Map(
          list<{ name: string; layer: { prop: { k: string; v: string }[] } }>(renderer.symbols.symbol).map(
            (symbol) => [symbol.name, symbol.layer.prop.find(({ k }) => k === 'color')!.v],
          ),
        );
        const categories = list(renderer.categories.category).map(({ value, label, symbol }) => {
          const [r, g, b] = symbols.get(symbol)!.split(',').map(Number);
          const color = `#${((r! << 16) | (g! << 8) | b!).toString(16).padStart(6, '0')}`;
          return { id: Number(value), color, name: label };
        });
        expect(categories).toEqual(classes);
      }),
    );
  });

  it('holds only what was asked for', () => {
    expect(qmlForClasses(CLASSES, { geometry: 'polygon' })).not.toContain('<pipe>');
    expect(qmlForClasses(CLASSES, { geometry: 'raster' })).not.toContain('renderer-v2');
    expect(qmlForClasses(CLASSES, { geometry: 'polygon', attribute: 'klasse' })).toContain('attr="klasse"');
  });

  it('of confidence is well-formed and spans 0 to 255', () => {
    const items = parse(qmlForConfidence()).qgis.pipe.rasterrenderer.rastershader.colorrampshader.item;
    expect(items.map((item: { value: string }) => Number(item.value))).toEqual([0, 63.8, 127.5, 191.3, 255]);
  });
});

describe('sldForClasses', () => {
  const reader = new SldStyleParser();

  it('of a raster is read as the classes by an independent reader', async () => {
    const { output, errors } = await reader.readStyle(
      sldForClasses(CLASSES, { geometry: 'raster', name: 'landcover' }),
    );
    expect(errors ?? []).toEqual([]);
    const [symbolizer] = output!.rules[0]!.symbolizers;
    expect(symbolizer).toMatchObject({ kind: 'Raster', colorMap: { type: 'values' } });
    const { colorMapEntries } = (symbolizer as { colorMap: { colorMapEntries: object[] } }).colorMap;
    expect(colorMapEntries).toEqual([
      ...CLASSES.map(({ id, name, color }) => ({
        quantity: id,
        label: name,
        color: color.toLowerCase(),
        opacity: 1,
      })),
      { quantity: 255, label: 'no data', color: '#000000', opacity: 0 },
    ]);
  });

  it('of polygons is read as one rule a class by an independent reader', async () => {
    const { output, errors } = await reader.readStyle(
      sldForClasses(CLASSES, { geometry: 'polygon', name: 'land & cover' }),
    );
    expect(errors ?? []).toEqual([]);
    expect(output!.name).toBe('land & cover');
    expect(
      output!.rules.map(({ name, filter, symbolizers }: Rule) => ({ name, filter, symbolizers })),
    ).toEqual(
      CLASSES.map(({ id, name, color }) => ({
        name,
        filter: ['==', 'class_id', id],
        symbolizers: [
          expect.objectContaining({
            kind: 'Fill',
            color: color.toLowerCase(),
            outlineColor: color.toLowerCase(),
          }),
        ],
      })),
    );
  });

  it('is well-formed whatever the classes are called', () => {
    fc.assert(
      fc.property(classLists, (classes) => {
        const raster = parse(sldForClasses(classes, { geometry: 'raster', name: 'x' }));
        const { FeatureTypeStyle } = raster.StyledLayerDescriptor.NamedLayer.UserStyle;
        const entries = list(FeatureTypeStyle.Rule.RasterSymbolizer.ColorMap.ColorMapEntry);
        expect(
          entries.slice(0, -1).map((e) => ({ id: Number(e.quantity), name: e.label, color: e.color })),
        ).toEqual(classes);
        const polygons = parse(sldForClasses(classes, { geometry: 'polygon', name: 'x' }));
        const rules = list(polygons.StyledLayerDescriptor.NamedLayer.UserStyle.FeatureTypeStyle.Rule);
        expect(
          rules.map((rule) => Number(rule['ogc:Filter']['ogc:PropertyIsEqualTo']['ogc:Literal'])),
        ).toEqual(classes.map(({ id }) => id));
      }),
    );
  });
});
