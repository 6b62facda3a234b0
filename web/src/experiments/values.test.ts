import { expect, test } from "vitest";
import type { RunColumn, RunPage } from "./data";
import { bestIndex, differs, isMaximized, isNumeric, numberIn, pinnedFirst } from "./values";

const column = (kind: RunColumn["kind"], name: string, values: RunColumn["values"]): RunColumn => ({ kind, name, values });

test("a value is a number where it can be drawn", () => {
  expect([1.5, "2", "1e-3", "NaN", "Infinity", "deep", "", null].map(numberIn)).toEqual([1.5, 2, 0.001, null, null, null, null, null]);
});

test("a column with one word in it is not numeric, NaN is no word", () => {
  expect(isNumeric(column("params", "depth", ["3", "10", null]))).toBe(true);
  expect(isNumeric(column("params", "depth", ["3", "deep"]))).toBe(false);
  expect(isNumeric(column("metrics", "auc", [0.5, "NaN"]))).toBe(true);
  expect(isNumeric(column("metrics", "auc", [null]))).toBe(false);
});

test("the best is the largest, of a loss the smallest, and parameters have none", () => {
  expect(bestIndex(column("metrics", "auc", [0.5, 0.9, "NaN"]))).toBe(1);
  expect(bestIndex(column("metrics", "val_loss", [0.5, 0.9, null]))).toBe(0);
  expect(bestIndex(column("params", "auc", ["1", "2"]))).toBeNull();
  expect(bestIndex(column("metrics", "auc", ["NaN", null]))).toBeNull();
  expect(["auc", "glossary", "r2"].every(isMaximized)).toBe(true);
  expect(["eval/RMSE", "log loss", "test-error"].some(isMaximized)).toBe(false);
});

test("what differs is told by its text", () => {
  expect(differs(column("params", "a", ["1", "1"]))).toBe(false);
  expect(differs(column("params", "a", ["1", null]))).toBe(true);
});

test("pinned runs come first in the order of pinning; those of other pages are left out", () => {
  const page = { runs: { id: ["a", "b", "c"] } } as RunPage;
  expect(pinnedFirst(page, ["c", "x", "a"])).toEqual([2, 0, 1]);
});
