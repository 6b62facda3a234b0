import { expect, test } from "vitest";
import { chooseChart, specOf } from "./rows";

const windows = {
  columns: [
    { name: "window_start", type: "TIMESTAMP_LTZ", nullable: true },
    { name: "device", type: "STRING", nullable: true },
    { name: "peak", type: "DOUBLE", nullable: true },
    { name: "readings", type: "BIGINT", nullable: true },
  ],
  rows: [
    ["2026-03-02T08:00:10Z", "m1", 91, 3],
    ["2026-03-02T08:00:00Z", "m1", 90, 3],
    ["2026-03-02T08:00:00Z", "m2", null, 0],
  ],
};

test("windows by device become one line for each device", () => {
  expect(chooseChart(windows)).toEqual({ type: "line", x: "window_start", y: ["peak"], series: "device" });
});

test("lines run forward in time and keep gaps", () => {
  const spec = specOf(windows, chooseChart(windows)!)!;
  expect(spec.series.map((one) => one.name)).toEqual(["m1", "m2"]);
  expect(spec.series[0]!.points.map(([, y]) => y)).toEqual([90, 91]);
  expect(spec.series[1]!.points[0]![1]).toBeNull();
});

test("counts by name become bars", () => {
  const rows = { columns: [{ name: "path", type: "STRING", nullable: true }, { name: "n", type: "BIGINT", nullable: true }], rows: [["/a", 1], ["/b", "9007199254740993"]] };
  expect(chooseChart(rows)).toEqual({ type: "bar", x: "path", y: ["n"], series: null });
  expect(specOf(rows, chooseChart(rows)!)!.series[0]!.points[1]![1]).toBe(9007199254740992);
});

test("texts alone cannot be drawn", () => {
  expect(chooseChart({ columns: [{ name: "a", type: "STRING", nullable: true }], rows: [["x"]] })).toBeNull();
});
