import { expect, test } from "vitest";
import { bestOf, bestSoFar, ordered, type Trial, textOf } from "./trials";

const trial = (number: number, value: number | null, state: Trial["state"] = "complete"): Trial => ({ number, state, value, params: { x: number }, duration: 1, reason: null });
const TRIALS = [trial(0, 3), trial(1, null, "failed"), trial(2, 1), trial(3, 2, "pruned"), trial(4, 2), trial(5, 1), trial(6, null, "running")];

test("the best so far, of trials that ended by themselves", () => {
  expect(bestSoFar(TRIALS, "minimize")).toEqual([[0, 3], [2, 1], [4, 1], [5, 1]]);
  expect(bestSoFar(TRIALS, "maximize")).toEqual([[0, 3], [2, 3], [4, 3], [5, 3]]);
});

test("the earliest of the best", () => {
  expect(bestOf(TRIALS, "minimize")?.number).toBe(2);
  expect(bestOf(TRIALS, "maximize")?.number).toBe(0);
  expect(bestOf([], "maximize")).toBeNull();
});

test("orders: what has no value stands last", () => {
  expect(ordered(TRIALS, "best", "minimize").map((one) => one.number)).toEqual([2, 5, 4, 0, 6, 3, 1]);
  expect(ordered(TRIALS, "newest", "minimize")[0]?.number).toBe(6);
  expect(ordered(TRIALS, "failed", "minimize").map((one) => one.number)).toEqual([1]);
});

test("parameters as a person compares them", () => {
  expect([0.000123456, 12, true, "adam", null].map(textOf)).toEqual(["0.0001235", "12", "true", "adam", "–"]);
});
