import { expect, test } from "vitest";
import { checkSpec } from "./spec";

test("a dashboard is told from other JSON, with the place of the mistake", () => {
  const widget = { id: "a", title: "x", type: "line", sql: "select 1" };
  expect(checkSpec(JSON.stringify({ title: "t", widgets: [widget] })).ok).toBe(true);
  expect(checkSpec("{")).toMatchObject({ ok: false });
  expect(checkSpec(JSON.stringify({ title: "t", widgets: [{ ...widget, type: "pie" }] }))).toMatchObject({ ok: false, message: expect.stringContaining("widgets[0].type") as string });
  expect(checkSpec(JSON.stringify({ title: "t", widgets: [widget, widget] }))).toMatchObject({ ok: false, message: "widgets[1].id" });
});
