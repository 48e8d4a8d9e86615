import test from "ava";
import { terminalSvg } from "./terminal-svg.ts";

test("a picture shows text where a terminal does, in the same colours, and escapes markup", (t) => {
  const svg = terminalSvg("a & b", `\u001b[32m<ok>\u001b[39m   wide\n${"x".repeat(112)}`);
  t.regex(svg, /<title>a &amp; b<\/title>/);
  t.regex(svg, /<text x="16" y="30" textLength="32" fill="#56d364">&lt;ok&gt;<\/text>/);
  // After the gap: column 7.
  t.regex(svg, /<text x="72" y="30" textLength="32">wide<\/text>/);
  t.regex(
    svg,
    /<text x="16" y="49" textLength="880">x{110}<\/text>\n<text x="16" y="68" textLength="16">xx<\/text>/,
  );
});
