// Draws what a terminal shows as a small SVG. Text stays text, so it can be searched, read aloud and compared.

import { type Color, createAnsiSequenceParser, createColorPalette } from "ansi-sequence-parser";
import { escaped } from "../../rig/console/xml.ts";

const columns = 110;
const cell = { width: 8, height: 19 };
const padding = 16;
const background = "#0d1117";
/** Without it, the picture has no edge on a dark page. */
const frame = "#3d444d";
const foreground = "#d1d7e0";

const palette = createColorPalette({
  black: "#484f58",
  red: "#ff7b72",
  green: "#56d364",
  yellow: "#e3b341",
  blue: "#79c0ff",
  magenta: "#d2a8ff",
  cyan: "#76e3ea",
  white: foreground,
  brightBlack: "#8b949e",
  brightRed: "#ff7b72",
  brightGreen: "#56d364",
  brightYellow: "#e3b341",
  brightBlue: "#79c0ff",
  brightMagenta: "#d2a8ff",
  brightCyan: "#76e3ea",
  brightWhite: "#ffffff",
});

interface Span {
  column: number;
  text: string;
  attributes: string;
}

/**
 * @param title for readers who cannot see the picture
 * @param text may hold ANSI sequences for colours and weights, and no others
 */
export function terminalSvg(title: string, text: string): string {
  const lines = text.split("\n").flatMap(wrapped(spansOf));
  const size = {
    width: columns * cell.width + 2 * padding,
    height: lines.length * cell.height + 2 * padding,
  };
  const rows = lines.map((spans, row) => {
    const y = padding + row * cell.height + 14;
    return spans
      .flatMap(chunks)
      .map(({ column, text, attributes }) => {
        const x = padding + column * cell.width;
        // A given length keeps columns aligned in every font.
        return `<text x="${x}" y="${y}" textLength="${[...text].length * cell.width}"${attributes}>${escaped(text)}</text>`;
      })
      .join("");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="${foreground}">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="8" fill="${background}" stroke="${frame}" stroke-width="2"/>
${rows.filter(Boolean).join("\n")}
</svg>
`;
}

/** Each line has a parser of its own, because no colour here spans lines. */
function spansOf(line: string): Span[] {
  let column = 0;
  return createAnsiSequenceParser()
    .parse(line)
    .map(({ value, foreground, decorations }) => {
      const span = { column, text: value, attributes: attributesOf(foreground, decorations) };
      column += [...value].length;
      return span;
    });
}

/** Splits a span at gaps of two or more spaces, so that each chunk has its own place. */
function chunks({ column, text, attributes }: Span): Span[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: chunk, index }) => ({
    column: column + [...text.slice(0, index)].length,
    text: chunk,
    attributes,
  }));
}

function attributesOf(color: Color | null, decorations: Set<string>): string {
  return [
    color && ` fill="${palette.value(color)}"`,
    decorations.has("bold") && ` font-weight="bold"`,
    decorations.has("dim") && ` opacity="0.7"`,
    decorations.has("underline") && ` text-decoration="underline"`,
  ]
    .filter(Boolean)
    .join("");
}

/** Wraps long lines, as a terminal does. */
const wrapped = (spans: (line: string) => Span[]) => (line: string) => {
  const rows: Span[][] = [[]];
  for (const { column, text, attributes } of spans(line)) {
    const letters = [...text];
    for (let start = 0; start < letters.length; ) {
      const at = column + start;
      const row = Math.floor(at / columns);
      const end = start + columns - (at % columns);
      rows[row] ??= [];
      rows[row].push({ column: at % columns, text: letters.slice(start, end).join(""), attributes });
      start = end;
    }
  }
  return rows;
};
