// Draws the report's picture: plain bars, as an SVG with its own background.
import { escaped } from "../rig/console/xml.ts";

export interface Bar {
  readonly label: string;
  /** Seconds. */
  readonly value: number;
  readonly role: "ours" | "peer" | "floor";
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const width = 880;
const padding = 20;
const labelWidth = 260;
const valueWidth = 70;
const row = 24;
const heading = 34;
const gap = 14;
const colors = { ours: "#56d364", peer: "#79c0ff", floor: "#8b949e" };

/** @param title for readers who cannot see the picture */
export function chartSvg(title: string, caption: string, panels: readonly Panel[]): string {
  let y = padding;
  const parts = [text(padding, y + 14, caption, ` fill="#8b949e"`)];
  y += 24;
  for (const { title: name, bars } of panels) {
    parts.push(text(padding, y + 22, name, ` font-weight="bold"`));
    y += heading;
    const longest = Math.max(...bars.map(({ value }) => value));
    const room = width - 2 * padding - labelWidth - valueWidth;
    for (const { label, value, role } of bars) {
      const length = Math.max(2, Math.round((value / longest) * room));
      const x = padding + labelWidth;
      parts.push(
        text(x - 10, y + 16, label, ` text-anchor="end"`),
        `<rect x="${x}" y="${y + 4}" width="${length}" height="${row - 8}" rx="2" fill="${colors[role]}"/>`,
        text(x + length + 8, y + 16, `${value.toFixed(1)} s`),
      );
      y += row;
    }
    y += gap;
  }
  const height = y + padding - gap;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="13" fill="#d1d7e0">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117" stroke="#3d444d" stroke-width="2"/>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}"${attributes}>${escaped(content)}</text>`;
}
