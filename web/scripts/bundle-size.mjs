// Prints what the first page (Home) makes a browser fetch, gzipped, and fails above the limit.
//
// Called by `npm run check` after a build. Counted: the entry and all that it imports, what Home loads at once besides
// (search, words, fonts), and the rules for rarer Hangul that load when the page is idle.
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 500_000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL("assets/manifest.json", dist), "utf8"));
const AT_ONCE = ["index.html", "src/shell/Search.tsx", "src/i18n/en.ts", "src/i18n/ko.ts", "src/theme/hangul.ts"];
// Pieces of the dynamic subset are fetched only for characters on the page.
const NOT_AT_ONCE = /PretendardVariable\.subset/;

const files = new Set(["index.html"]);
const seen = new Set();
function walk(key) {
  const chunk = manifest[key];
  if (!chunk) throw new Error(`${key} is not in the build's manifest: update AT_ONCE in scripts/bundle-size.mjs`);
  if (seen.has(key)) return;
  seen.add(key);
  for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) if (!NOT_AT_ONCE.test(file)) files.add(file);
  for (const next of chunk.imports ?? []) walk(next);
}
AT_ONCE.forEach(walk);

let total = 0;
const kinds = {};
for (const file of files) {
  const content = await readFile(new URL(file, dist));
  const bytes = /\.(woff2|png)$/.test(file) ? content.length : gzipSync(content, { level: 9 }).length;
  const kind = file.split(".").at(-1);
  kinds[kind] = (kinds[kind] ?? 0) + bytes;
  total += bytes;
}
const figure = { name: "studio first page", gzip_bytes: total, limit_bytes: LIMIT_BYTES, files: files.size, kinds, holds: total < LIMIT_BYTES };
console.log(JSON.stringify(figure));
if (!figure.holds) {
  console.error("The first page is too heavy: load what Home does not need lazily.");
  process.exit(1);
}
