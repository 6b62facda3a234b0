import { expect, test } from "vitest";
import { nameFor, wrongOf } from "./learning";

test("an error stands beside the field that mends it", () => {
  expect(wrongOf({ code: "autopilot.target", message: "the target 'a' has a single class", hint: null })).toEqual({ field: "target", text: "the target 'a' has a single class" });
  expect(wrongOf({ code: "tuning.metric", message: "m", hint: "one of rmse" })).toEqual({ field: "metric", text: "m – one of rmse" });
  expect(wrongOf({ code: "table.not_found", message: "m" })?.field).toBe("source");
  expect(wrongOf({ code: "request.invalid", message: "m", details: { field: "budget_s" } })?.field).toBe("budget");
  expect(wrongOf({ code: "autopilot.option", message: "folds=1 is not between 2 and 20" })?.field).toBe("folds");
  expect(wrongOf({ code: "name.characters", message: "m" })?.field).toBe("name");
  expect(wrongOf({ code: "internal", message: "m" })).toBeNull();
  expect(wrongOf(null)).toBeNull();
});

test("a name from the table and the target", () => {
  expect(nameFor("main.machines", "failure in 24h")).toBe("machines_failure_in_24h");
  expect(nameFor("main.설비", "고장 여부")).toBe("설비_고장_여부");
  expect(nameFor("", "")).toBe("");
});
