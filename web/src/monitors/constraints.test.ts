import { expect, test } from "vitest";
import { type Constraints, disabledOf, floorOf, readConstraints, withDisabled, withFeature, withFloor } from "./constraints";

const body: Constraints = {
  version: 0,
  features: [
    { name: "air", inferred_type: "Fractional", completeness: 1, num_constraints: { is_non_negative: true } },
    { name: "kind", inferred_type: "String", completeness: 1, monitoringConfigOverrides: { domain_content_threshold: 0.9 } },
  ],
  monitoring_config: { emit_metrics: "Enabled", distribution_constraints: { comparison_threshold: 0.1, comparison_method: "Robust" } },
};

test("a change of one feature leaves all else as it is", () => {
  const changed = withFeature(body, "air", { completeness: 0.9 });
  expect(changed.features[0]).toEqual({ ...body.features[0], completeness: 0.9 });
  expect(changed.features[1]).toBe(body.features[1]);
  expect(changed.version).toBe(0);
});

test("checks that are turned off and on again leave the file as it was", () => {
  const off = withDisabled(body, "kind", ["missing_column_check", "data_type_check"]);
  expect(disabledOf(off.features[1]!)).toEqual(["data_type_check", "missing_column_check"]);
  expect(off.features[1]!.monitoringConfigOverrides!.domain_content_threshold).toBe(0.9);
  expect(JSON.stringify(withDisabled(off, "kind", []))).toBe(JSON.stringify(body));
});

test("the floor changes and its neighbours stay", () => {
  const changed = withFloor(body, 0.2);
  expect(floorOf(changed)).toBe(0.2);
  expect(changed.monitoring_config!.distribution_constraints!.comparison_method).toBe("Robust");
});

test("a file that cannot be is refused with its place", () => {
  expect(readConstraints("{").ok).toBe(false);
  expect(readConstraints("[]")).toEqual({ ok: false, at: "features" });
  expect(readConstraints('{"features":[{"name":"a","completeness":2}]}')).toEqual({ ok: false, at: "features[0].completeness" });
  expect(readConstraints('{"features":[{"name":"a","monitoringConfigOverrides":{"disabled_checks":["no"]}}]}')).toMatchObject({ ok: false });
  expect(readConstraints(JSON.stringify(body))).toEqual({ ok: true, body });
});
