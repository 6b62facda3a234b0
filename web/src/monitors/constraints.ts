/** constraints.json in SageMaker Model Monitor's schema, and changes to it. Pure: each gives a changed copy; what is unknown stays. */

export const CHECKS = ["data_type_check", "completeness_check", "baseline_drift_check", "missing_column_check", "extra_column_check", "categorical_values_check"] as const;
export type Check = (typeof CHECKS)[number];

export const TYPES = ["Integral", "Fractional", "String", "Unknown"] as const;

type Overrides = { disabled_checks?: string[]; evaluate_constraints?: string; [other: string]: unknown };

export type Feature = {
  name: string;
  inferred_type?: string;
  completeness?: number;
  num_constraints?: { is_non_negative?: boolean; [other: string]: unknown };
  string_constraints?: { domains?: string[]; [other: string]: unknown };
  monitoringConfigOverrides?: Overrides;
  [other: string]: unknown;
};

export type Constraints = {
  features: Feature[];
  monitoring_config?: { distribution_constraints?: { comparison_threshold?: number; [other: string]: unknown }; [other: string]: unknown };
  [other: string]: unknown;
};

export const FLOOR = 0.1;

export function withFeature(body: Constraints, name: string, changes: Partial<Feature>): Constraints {
  return { ...body, features: body.features.map((one) => (one.name === name ? { ...one, ...changes } : one)) };
}

/** The checks that are not made for a feature. */
export function disabledOf(feature: Feature): Check[] {
  const own = feature.monitoringConfigOverrides;
  if (own?.evaluate_constraints === "Disabled") return [...CHECKS];
  return CHECKS.filter((check) => own?.disabled_checks?.includes(check));
}

export function withDisabled(body: Constraints, name: string, checks: string[]): Constraints {
  const feature = body.features.find((one) => one.name === name);
  const rest: Overrides = { ...feature?.monitoringConfigOverrides };
  delete rest.evaluate_constraints;
  delete rest.disabled_checks;
  const overrides = checks.length ? { ...rest, disabled_checks: [...checks].sort() } : rest;
  return withFeature(body, name, { monitoringConfigOverrides: Object.keys(overrides).length ? overrides : undefined });
}

export function floorOf(body: Constraints): number {
  return body.monitoring_config?.distribution_constraints?.comparison_threshold ?? FLOOR;
}

export function withFloor(body: Constraints, floor: number): Constraints {
  const config = body.monitoring_config ?? {};
  return { ...body, monitoring_config: { ...config, distribution_constraints: { ...config.distribution_constraints, comparison_threshold: floor } } };
}

/** Whether a text is such a file; `at` is the place that is not, for a person to mend. */
export function readConstraints(text: string): { ok: true; body: Constraints } | { ok: false; at: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return { ok: false, at: error instanceof Error ? error.message : "JSON" };
  }
  const features = (body as Partial<Constraints> | null)?.features;
  if (!Array.isArray(features)) return { ok: false, at: "features" };
  for (const [place, feature] of features.entries()) {
    const at = `features[${place}]`;
    if (typeof feature !== "object" || feature === null || typeof feature.name !== "string") return { ok: false, at: `${at}.name` };
    const { completeness = 1 } = feature;
    if (typeof completeness !== "number" || completeness < 0 || completeness > 1) return { ok: false, at: `${at}.completeness` };
    const domains = feature.string_constraints?.domains;
    if (domains !== undefined && !(Array.isArray(domains) && domains.every((one) => typeof one === "string"))) return { ok: false, at: `${at}.string_constraints.domains` };
    const unknown = feature.monitoringConfigOverrides?.disabled_checks?.find((one) => !CHECKS.includes(one as Check));
    if (unknown !== undefined) return { ok: false, at: `${at}.monitoringConfigOverrides.disabled_checks: ${unknown}` };
  }
  return { ok: true, body: body as Constraints };
}
