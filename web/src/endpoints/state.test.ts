import { expect, test } from "vitest";
import type { Endpoint } from "./data";
import { canaryOf, exampleRow, referenceOf, stateOf, valueOf, watchSql } from "./state";

const route = (deployment: string, weight: number, state: string) => ({ deployment, weight, state, model: "churn", version: "3" });
const endpoint = (...deployments: object[]) =>
  ({ name: "wear", table: "endpoints.wear_requests", labels_table: "endpoints.wear_labels", columns: [{ name: "temp C", type: "DOUBLE" }, { name: "n", type: "BIGINT" }], deployments }) as unknown as Endpoint;

test("an endpoint is as its worst deployment that gets requests", () => {
  expect(stateOf(endpoint(route("a", 90, "serving"), route("b", 10, "failed")))).toBe("failed");
  expect(stateOf(endpoint(route("a", 100, "serving"), route("b", 0, "failed")))).toBe("serving");
});

test("the canary is the newest of several", () => {
  expect(canaryOf(endpoint(route("a", 100, "serving")))).toBeNull();
  expect(canaryOf(endpoint(route("a", 90, "serving"), route("b", 10, "serving")))!.deployment).toBe("b");
});

test("a logged model is meant by its id, a registered one by its version", () => {
  const id = `m-${"a".repeat(32)}`;
  expect(referenceOf({ model: id, version: "x" } as never)).toEqual({ model: `models:/${id}`, version: null });
  expect(referenceOf({ model: "churn", version: "3" } as never)).toEqual({ model: "churn", version: "3" });
});

test("the form's texts become values of the signature", () => {
  expect(exampleRow(endpoint())).toEqual({ "temp C": 0.5, n: 1 });
  expect([valueOf("1.5", "DOUBLE"), valueOf("true", "BOOLEAN"), valueOf("", "DOUBLE"), valueOf("x", "DOUBLE"), valueOf("7", "STRING")]).toEqual([1.5, true, null, "x", "7"]);
});

test("what is watched unpacks the request and brings the newest label", () => {
  const sql = watchSql(endpoint(), true);
  expect(sql).toContain('r.request."temp_C" AS "temp C"');
  expect(sql).toContain("arg_max(s.label, s.at)");
  expect(watchSql(endpoint(), false)).not.toContain("JOIN");
});
