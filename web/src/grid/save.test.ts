import { expect, test } from "vitest";
import { numberOf, timeOf } from "./cell";
import { csvOf } from "./save";

test("CSV quotes what must be quoted, and tells null from empty text", () => {
  const csv = csvOf(["a", "b,c"], [["x\"y", null], ["", "한글\n둘"]]);
  expect(csv).toBe("\ufeffa,\"b,c\"\r\n\"x\"\"y\",\r\n\"\",\"한글\n둘\"\r\n");
});

test("a time without a zone stays the clock on the wall that it is", () => {
  expect(timeOf("2026-03-02T08:00:00")).toBe(new Date(2026, 2, 2, 8).getTime());
  expect(timeOf("2026-03-02T17:00:00+09:00")).toBe(Date.UTC(2026, 2, 2, 8));
  expect(timeOf("2026-03-02")).toBe(new Date(2026, 2, 2).getTime());
  expect(timeOf("m1")).toBeNull();
});

test("a decimal that comes as text is a number", () => {
  expect(numberOf("12.500")).toBe(12.5);
  expect(numberOf("")).toBeNull();
});
