import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import opentype, { type Font } from 'opentype.js';

export interface TextStyle {
  /** Em size in pixels. */
  readonly size: number;
  readonly weight: 'regular' | 'semibold';
  /** `#rrggbb` */
  readonly fill: string;
}

/** Text as outlines, so that pictures are the same everywhere and bare machines need no fonts. */
export interface Typeface {
  /** Advance width in pixels. */
  measure(text: string, style: TextStyle): number;
  /** An SVG `path` of one line; `y` is the base line. `anchor` says which end of the text `x` is. */
  draw(text: string, x: number, y: number, style: TextStyle, anchor?: 'start' | 'end'): string;
  /** `text`, or its beginning with an ellipsis where it is wider than `maxWidth`. */
  fit(text: string, maxWidth: number, style: TextStyle): string;
}

/** Open Sans comes cut into scripts; a character is looked for in this order. */
const SCRIPTS = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese', 'hebrew', 'symbols'] as const;
const WEIGHTS = { regular: 400, semibold: 600 } as const;

/** Loads Open Sans (SIL Open Font License 1.1) from its npm package. */
export async function loadTypeface(): Promise<Typeface> {
  const [regular, semibold] = await Promise.all([loadWeight('regular'), loadWeight('semibold')]);
  const fonts = { regular, semibold };

  const measure = (text: string, { size, weight }: TextStyle) =>
    splitByFont(text, fonts[weight]).reduce((sum, run) => sum + run.font.getAdvanceWidth(run.text, size), 0);
  return {
    measure,
    draw(text, x, y, style, anchor = 'start') {
      let pen = anchor === 'start' ? x : x - measure(text, style);
      let path = '';
      for (const run of splitByFont(text, fonts[style.weight])) {
        path += run.font.getPath(run.text, pen, y, style.size).toPathData(2);
        pen += run.font.getAdvanceWidth(run.text, style.size);
      }
      return `<path d="${path}" fill="${style.fill}"/>`;
    },
    fit(text, maxWidth, style) {
      if (measure(text, style) <= maxWidth) return text;
      const characters = [...text];
      while (characters.length > 0 && measure(`${characters.join('')}…`, style) > maxWidth) characters.pop();
      return `${characters.join('').trimEnd()}…`;
    },
  };
}

async function loadWeight(weight: keyof typeof WEIGHTS): Promise<readonly Font[]> {
  const { resolve } = createRequire(import.meta.url);
  return Promise.all(
    SCRIPTS.map(async (script) => {
      const name = `open-sans-${script}-${WEIGHTS[weight]}-normal.woff`;
      const bytes = await readFile(resolve(`@fontsource/open-sans/files/${name}`));
      return opentype.parse(new Uint8Array(bytes).buffer);
    }),
  );
}

/** Runs of characters that one font can draw; what none can becomes a question mark. */
function splitByFont(text: string, fonts: readonly Font[]): { font: Font; text: string }[] {
  const runs: { font: Font; text: string }[] = [];
  for (const character of text) {
    const found = fonts.find((f) => f.charToGlyphIndex(character) > 0);
    const font = found ?? fonts[0]!;
    const drawn = found === undefined ? '?' : character;
    const run = runs.at(-1);
    if (run?.font === font) run.text += drawn;
    else runs.push({ font, text: drawn });
  }
  return runs;
}
