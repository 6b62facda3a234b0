import { expect, test } from "vitest";
import type { MonitorWindow } from "./data";
import { heatOf, signOf, step } from "./heat";

const window = (number: number, effects: Record<string, number | null>, drifted: string[] = []) => ({ window: number, effects, drifted }) as unknown as MonitorWindow;
// As the server gives them: newest first.
const windows = [window(3, { a: 0.1, b: -2 }, ["b"]), window(2, { a: 0.4, c: 0.2 }), window(1, { a: 0, b: 0.1 })];

test("what drifted most often is the first row, and time runs to the right", () => {
  const heat = heatOf(windows);
  expect(heat.features).toEqual(["b", "a", "c"]);
  expect(heat.windows.map((one) => one.window)).toEqual([1, 2, 3]);
});

test("a drifted cell has a sign, others have none", () => {
  expect(signOf(windows[0]!, "b")).toBe("◆");
  expect(signOf(windows[0]!, "a")).toBe("");
});

test("arrow keys walk over the cells and stop at the edges", () => {
  const heat = heatOf(windows);
  expect(step(heat, { feature: "b", window: 3 }, "ArrowLeft")).toEqual({ feature: "b", window: 2 });
  expect(step(heat, { feature: "b", window: 3 }, "ArrowRight")).toEqual({ feature: "b", window: 3 });
  expect(step(heat, { feature: "b", window: 3 }, "ArrowDown")).toEqual({ feature: "a", window: 3 });
  expect(step(heat, { feature: "b", window: 3 }, "Home")).toEqual({ feature: "b", window: 1 });
  expect(step(heat, { feature: "b", window: 3 }, "x")).toBeNull();
});
