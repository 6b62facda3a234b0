// Makes the two small fonts that every page of Studio needs: Latin, and the Hangul syllables of our own words.
//
// Called by `npm run font` before each build. Other characters (data in Korean, rarer syllables) come from Pretendard's own
// dynamic subset, which a browser fetches piece by piece only when such a character is on the page.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import subsetFont from "subset-font";

const web = new URL("..", import.meta.url);
const out = new URL("src/theme/generated/", web);
const source = await readFile(
  new URL("node_modules/pretendard/dist/web/variable/woff2/PretendardVariable.woff2", web),
);
const words = await readFile(new URL("src/i18n/ko.ts", web), "utf8");

const latin = range(0x20, 0x7e) + range(0xa0, 0xff) + "–—‘’“”•…′″←↑→↓−×÷°µ≤≥≈·₩€";
const hangul = [...new Set(words)].filter((char) => char >= "\u3131" && char <= "\ud7a3").sort();

await mkdir(out, { recursive: true });
const stamp = createHash("sha256").update(source).update(latin).update(hangul.join("")).digest("hex");
const stampFile = new URL("stamp", out);
if ((await readFile(stampFile, "utf8").catch(() => "")) !== stamp) {
  const options = { targetFormat: "woff2", variationAxes: { wght: { min: 400, max: 700 } } };
  await writeFile(new URL("latin.woff2", out), await subsetFont(source, latin, options));
  await writeFile(new URL("hangul.woff2", out), await subsetFont(source, hangul.join(""), options));
  await writeFile(
    new URL("font.css", out),
    face("latin", [...latin]) + face("hangul", hangul),
  );
  await writeFile(stampFile, stamp);
}

function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i)).join("");
}

function face(name, chars) {
  const codes = [...new Set(chars.map((char) => char.codePointAt(0)))].sort((a, b) => a - b);
  const ranges = [];
  for (const code of codes) {
    const last = ranges.at(-1);
    if (last && code === last[1] + 1) last[1] = code;
    else ranges.push([code, code]);
  }
  const hex = (code) => code.toString(16).toUpperCase();
  const list = ranges.map(([a, b]) => (a === b ? `U+${hex(a)}` : `U+${hex(a)}-${hex(b)}`)).join(", ");
  return `@font-face {
  font-family: "Gureum UI";
  font-style: normal;
  font-display: swap;
  font-weight: 400 700;
  src: url("./${name}.woff2") format("woff2-variations");
  unicode-range: ${list};
}
`;
}
