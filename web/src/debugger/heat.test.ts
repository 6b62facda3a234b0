import { expect, test } from "vitest";
import { cellOf, type Finding, level, type Measure, measureFor, rangeOf, step } from "./heat";

const norms: Measure = { name: "gradient_norm", layers: ["a", "b"], layers_seen: 2, values: [[1, 10, null], ["NaN", 0, 1000]] };
const dead: Measure = { name: "dead_share", layers: ["relu"], layers_seen: 1, values: [[0, 0.5, 1]] };
const finding = (rule: string, layer: string | null, at: number | null) => ({ rule, layer, step: at }) as unknown as Finding;

test("norms are shown by powers of ten, shares as they are, and what is no number has no place", () => {
  expect([level(1000, false), level(0, false), level("NaN", false), level(0.5, true)]).toEqual([3, null, null, 0.5]);
  expect(rangeOf(norms)).toEqual([0, 3]);
  expect(rangeOf(dead)).toEqual([0, 1]);
  expect(rangeOf({ ...norms, values: [[1, 1, 1]] })).toEqual([-1, 1]);
});

test("a finding leads to the measure and the cell that it is about", () => {
  expect(measureFor(finding("dead_relu", "relu", 5), [norms, dead])).toBe(dead);
  expect(measureFor(finding("nan_loss", null, 5), [norms, dead])).toBe(norms);
  expect(cellOf(finding("exploding_gradient", "b", 12), norms, [0, 10, 20])).toEqual({ row: 1, column: 1 });
  expect(cellOf(undefined, norms, [0, 10, 20])).toEqual({ row: 0, column: 2 });
});

test("arrow keys walk over the cells and stop at the edges", () => {
  expect(step(norms, [0, 1, 2], { row: 0, column: 0 }, "ArrowRight")).toEqual({ row: 0, column: 1 });
  expect(step(norms, [0, 1, 2], { row: 1, column: 2 }, "ArrowDown")).toEqual({ row: 1, column: 2 });
  expect(step(norms, [0, 1, 2], { row: 1, column: 2 }, "Home")).toEqual({ row: 1, column: 0 });
  expect(step(norms, [0, 1, 2], { row: 1, column: 2 }, "x")).toBeNull();
});
