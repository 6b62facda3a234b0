import { expect, test } from "vitest";
import { en } from "./en";
import { ko } from "./ko";

function flat(words: object, path = ""): [string, string][] {
  return Object.entries(words).flatMap(([key, value]: [string, unknown]) =>
    typeof value === "string" ? [[path + key, value] as [string, string]] : flat(value as object, `${path}${key}.`),
  );
}

const slots = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
const english = new Map(flat(en).filter(([key]) => !key.endsWith("_one")));
const korean = new Map(flat(ko));

test("English and Korean have the same keys", () => {
  expect([...korean.keys()].sort()).toEqual([...english.keys()].sort());
});

test("no text is empty", () => {
  for (const [key, text] of [...flat(en), ...korean]) expect(text.trim(), key).not.toBe("");
});

test("a Korean text has the same places to fill in as the English one", () => {
  for (const [key, text] of english) expect(slots(korean.get(key)!), key).toEqual(slots(text));
});
