/** Which colour a series has: from a colour-blind safe palette (after Okabe and Ito), the same on every page and visit. */

const LIGHT = ["#0072b2", "#d55e00", "#00855f", "#b5568f", "#b37400", "#3a9bd9", "#6d4fa8", "#6b7380"];
const DARK = ["#4ba3e3", "#ff8a4c", "#2cc29a", "#e39ac4", "#f2b63c", "#9ad2f6", "#b79ce0", "#aab3bf"];
const KEPT_AS = "gureum.series";
// Enough for the names a person looks at; the oldest are forgotten first.
const NAMES_MAX = 400;

let names: string[] | undefined;

/** The place of a name in the palette: given at its first sight, then kept in this browser. */
function placeOf(name: string): number {
  names ??= readNames();
  let index = names.indexOf(name);
  if (index < 0) {
    if (names.length >= NAMES_MAX) names = names.slice(NAMES_MAX / 2);
    index = names.push(name) - 1;
    localStorage.setItem(KEPT_AS, JSON.stringify(names));
  }
  return index % LIGHT.length;
}

/** One colour for each series of a chart. Two that would share one are told apart within the chart. */
export function coloursFor(series: { name: string; colour?: number }[], dark: boolean): string[] {
  const palette = dark ? DARK : LIGHT;
  const taken = new Set<number>();
  return series.map(({ name, colour }) => {
    if (colour !== undefined) return palette[colour % palette.length]!;
    let place = placeOf(name);
    for (let tries = 0; taken.has(place) && tries < palette.length; tries++) place = (place + 1) % palette.length;
    taken.add(place);
    return palette[place]!;
  });
}

function readNames(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
