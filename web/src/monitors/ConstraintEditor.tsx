/** Change what a window must satisfy: a form for each feature, or the whole constraints.json. Nothing is written before Save. */
import { Button, Checkbox, Group, MultiSelect, NumberInput, SegmentedControl, Select, Skeleton, Stack, TagsInput, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { Confirm } from "../page/Confirm";
import { note } from "../page/note";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { CHECKS, type Constraints, disabledOf, type Feature, floorOf, readConstraints, TYPES, withDisabled, withFeature, withFloor } from "./constraints";
import { constraintsQuery } from "./data";
import css from "./monitors.module.css";

const JsonEditor = lazy(() => import("../sql/Editor"));

export function ConstraintEditor({ name, mayChange }: { name: string; mayChange: boolean }) {
  const found = useQuery(constraintsQuery(name));
  if (found.error && !found.data) return <ProblemCard error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Skeleton height={320} />;
  // A new baseline, or a save, begins anew; the same file read once more does not.
  return <Draft key={JSON.stringify(found.data)} name={name} saved={found.data as Constraints} mayChange={mayChange} />;
}

function Draft({ name, saved, mayChange }: { name: string; saved: Constraints; mayChange: boolean }) {
  const { t } = useTranslation();
  const [body, setBody] = useState(saved);
  const [view, setView] = useState<"form" | "json">("form");
  const [text, setText] = useState("");
  const checked = useMemo(() => (view === "json" ? readConstraints(text) : null), [view, text]);
  const wrong = checked && !checked.ok ? checked.at : null;
  const dirty = JSON.stringify(body) !== JSON.stringify(saved) || wrong !== null;
  const leaving = useRef(false);
  const save = useMutation({
    mutationFn: () => take(api.PUT("/api/monitors/{name}/constraints", { params: { path: { name } }, body })),
    onSuccess: async () => {
      note(t("monitors.constraintsSaved"));
      leaving.current = true;
      await cache.invalidateQueries({ queryKey: ["monitor", name] });
    },
  });
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && !leaving.current && !(current.pathname === next.pathname && "tab" in next.search && next.search.tab === "constraints"),
    enableBeforeUnload: () => dirty && !leaving.current,
    withResolver: true,
  });
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          size="xs"
          data={[{ value: "form", label: t("monitors.form") }, { value: "json", label: "JSON" }]}
          value={view}
          disabled={wrong !== null}
          onChange={(next) => {
            setText(JSON.stringify(body, null, 2));
            setView(next as "form" | "json");
          }}
          data-testid="constraints-view"
        />
        {mayChange ? (
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              disabled={!dirty}
              onClick={() => {
                setBody(saved);
                setText(JSON.stringify(saved, null, 2));
              }}
            >
              {t("monitors.undo")}
            </Button>
            <Button size="xs" disabled={!dirty || wrong !== null} loading={save.isPending} onClick={() => save.mutate()} data-testid="constraints-save">
              {t("act.save")}
            </Button>
          </Group>
        ) : null}
      </Group>
      <Text size="xs" c="dimmed">
        {t("monitors.constraintsText")}
      </Text>
      {save.error ? <ProblemCard error={save.error} compact /> : null}
      {view === "form" ? (
        <Form body={body} saved={saved} change={setBody} readOnly={!mayChange} />
      ) : (
        <>
          {wrong === null ? null : (
            <Text size="sm" c="var(--bad)" role="alert">
              {t("monitors.badConstraints", { at: wrong })}
            </Text>
          )}
          <div className={css.json}>
            <Suspense fallback={<Skeleton height="100%" />}>
              <JsonEditor
                language="json"
                label="constraints.json"
                value={text}
                readOnly={!mayChange}
                onChange={(next) => {
                  setText(next);
                  const read = readConstraints(next);
                  if (read.ok) setBody(read.body);
                }}
              />
            </Suspense>
          </div>
        </>
      )}
      <Confirm
        opened={blocker.status === "blocked"}
        close={() => blocker.reset?.()}
        title={t("dashboards.leave")}
        text={t("monitors.leaveText")}
        label={t("dashboards.discard")}
        act={() => {
          blocker.proceed?.();
          return Promise.resolve();
        }}
      />
    </Stack>
  );
}

function Form({ body, saved, change, readOnly }: { body: Constraints; saved: Constraints; change: (next: Constraints) => void; readOnly: boolean }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<string | null>(null);
  const feature = body.features.find((one) => one.name === asked) ?? body.features[0];
  const typeWord = (one: Feature) => t(`monitors.types.${TYPES.find((type) => type === one.inferred_type) ?? "Unknown"}`);
  const changed = (one: Feature) => JSON.stringify(one) !== JSON.stringify(saved.features.find((before) => before.name === one.name));
  return (
    <div className={css.constraints}>
      <Panel title={t("monitors.features")} flush>
        <ul className={css.features}>
          {body.features.map((one) => (
            <li key={one.name}>
              <button type="button" aria-current={one === feature || undefined} onClick={() => setAsked(one.name)} data-testid={`constraint-${one.name}`}>
                <span className="cut" title={one.name}>
                  {one.name}
                </span>
                <small>{changed(one) ? t("monitors.edited") : typeWord(one)}</small>
              </button>
            </li>
          ))}
        </ul>
      </Panel>
      <Stack>
        {feature ? (
          <Panel title={feature.name}>
            <FeatureForm key={feature.name} feature={feature} readOnly={readOnly} put={(changes) => change(withFeature(body, feature.name, changes))} disable={(checks) => change(withDisabled(body, feature.name, checks))} />
          </Panel>
        ) : null}
        <Panel title={t("monitors.allFeatures")}>
          <NumberInput
            label={t("monitors.floor")}
            description={t("monitors.floorHint")}
            value={floorOf(body)}
            onChange={(next) => typeof next === "number" && change(withFloor(body, next))}
            min={0}
            step={0.05}
            decimalScale={3}
            suffix=" σ"
            readOnly={readOnly}
            w={260}
            data-testid="constraint-floor"
          />
        </Panel>
      </Stack>
    </div>
  );
}

function FeatureForm({ feature, put, disable, readOnly }: { feature: Feature; put: (changes: Partial<Feature>) => void; disable: (checks: string[]) => void; readOnly: boolean }) {
  const { t } = useTranslation();
  const isNumber = feature.inferred_type === "Integral" || feature.inferred_type === "Fractional";
  const isText = feature.inferred_type === "String";
  return (
    <Stack gap="sm">
      <Group gap="md" align="start">
        <Select label={t("monitors.type")} data={TYPES.map((value) => ({ value, label: t(`monitors.types.${value}`) }))} value={feature.inferred_type ?? "Unknown"} onChange={(next) => next && put({ inferred_type: next })} allowDeselect={false} readOnly={readOnly} w={220} />
        <NumberInput
          label={t("monitors.completeness")}
          description={t("monitors.completenessHint")}
          inputWrapperOrder={["label", "input", "description"]}
          value={Math.round((feature.completeness ?? 1) * 1e6) / 1e4}
          onChange={(next) => typeof next === "number" && put({ completeness: Math.round(next * 1e4) / 1e6 })}
          min={0}
          max={100}
          decimalScale={4}
          suffix=" %"
          readOnly={readOnly}
          w={260}
          data-testid="constraint-completeness"
        />
      </Group>
      {isNumber ? (
        <Checkbox
          label={t("monitors.nonNegative")}
          checked={feature.num_constraints?.is_non_negative ?? false}
          disabled={readOnly}
          onChange={(event) => put({ num_constraints: { ...feature.num_constraints, is_non_negative: event.currentTarget.checked } })}
          data-testid="constraint-non-negative"
        />
      ) : null}
      {isText ? (
        <TagsInput
          label={t("monitors.domain")}
          description={t("monitors.domainHint")}
          value={feature.string_constraints?.domains ?? []}
          readOnly={readOnly}
          onChange={(domains) => {
            const rest = { ...feature.string_constraints };
            delete rest.domains;
            const rules = domains.length ? { ...rest, domains } : rest;
            put({ string_constraints: Object.keys(rules).length ? rules : undefined });
          }}
          data-testid="constraint-domain"
        />
      ) : null}
      <MultiSelect label={t("monitors.checksOff")} description={t("monitors.checksOffHint")} data={CHECKS.map((value) => ({ value, label: t(`monitors.checks.${value}`) }))} value={disabledOf(feature)} onChange={disable} readOnly={readOnly} data-testid="constraint-checks" />
    </Stack>
  );
}
