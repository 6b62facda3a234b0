/** Start a fit: the rows, the column to predict, the name and the time; all else is chosen unless one says otherwise. */
import { Button, Group, MultiSelect, NumberInput, Skeleton, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { startFit } from "../code/recipes";
import { sqlOf, useColumns } from "../monitors/SourceInput";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useMayMake, useMe } from "../session/me";
import { type Task, taskErrorOf, taskQuery } from "../tasks/data";
import { ColumnSelect, type Draft, DurationInput, LearnFrom, RuntimeSelect } from "../tasks/LearnFrom";
import { type Learning, LEARNINGS, nameFor, type Wrong, wrongOf, wrongOfRequest } from "../tasks/learning";
import { isSelect } from "../tasks/TaskHead";
import css from "../tasks/tasks.module.css";
import { METRICS } from "./fit";

const NAME = /^[^\x00-\x1f\x7f*/:]+$/;
const NAME_CHARS_MAX = 128;
const BUDGET_S = { least: 5, first: 60, most: 86_400 };

type Fit = Draft & {
  name: string | null;
  budgetS: number | null;
  time: string | null;
  group: string | null;
  ignore: string[];
  keep: string[];
  folds: number | null;
  seed: number;
  runtime: string | null;
  /** options of the fit that this one is like and that the form has no field for */ rest: Record<string, unknown>;
};

export function NewFit() {
  const { t } = useTranslation();
  const asked = useSearch({ strict: false });
  const me = useMe();
  const mayMake = useMayMake();
  const like = useQuery({ ...taskQuery(asked.task ?? ""), enabled: Boolean(asked.task), refetchInterval: false });
  return (
    <>
      <PageHeader title={t("autopilot.newTitle")} crumbs={[{ label: t("autopilot.title"), link: { to: "/autopilot" } }]} />
      {me && !mayMake ? (
        <EmptyState title={t("tasks.viewer")} text={t("tasks.viewerText")} />
      ) : like.error ? (
        <ProblemCard error={like.error} retry={() => void like.refetch()} />
      ) : asked.task && !like.data ? (
        <Skeleton height={420} radius="md" />
      ) : (
        <Form key={asked.task} first={like.data ? likeTask(like.data) : { ...EMPTY, source: { kind: asked.query ? "select" : "table", table: asked.table ?? "", select: asked.query ?? "" }, target: asked.target ?? "" }} failed={wrongOf(taskErrorOf(like.data))} />
      )}
    </>
  );
}

const EMPTY: Fit = {
  source: { kind: "table", table: "", select: "" }, target: "", task: "auto", metric: null, name: null, budgetS: BUDGET_S.first, time: null, group: null, ignore: [], keep: [], folds: null, seed: 0, runtime: null, rest: {},
};

function likeTask({ name, spec }: Task): Fit {
  const source = String(spec.table ?? "");
  const { time_column, group_column, ignore, keep, folds, seed, ...rest } = (spec.options ?? {}) as Record<string, unknown>;
  const texts = (value: unknown) => (Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : []);
  return {
    source: isSelect(source) ? { kind: "select", table: "", select: source } : { kind: "table", table: source, select: "" },
    target: String(spec.target ?? ""), task: LEARNINGS.find((one) => one === spec.task) ?? "auto", metric: spec.metric && spec.metric !== "auto" ? String(spec.metric) : null,
    name, budgetS: Number(spec.budget_s ?? BUDGET_S.first), time: time_column ? String(time_column) : null, group: group_column ? String(group_column) : null,
    ignore: texts(ignore), keep: texts(keep), folds: typeof folds === "number" ? folds : null, seed: Number(seed ?? 0), runtime: spec.runtime ? String(spec.runtime) : null, rest,
  };
}

function Form({ first, failed }: { first: Fit; failed: Wrong | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [fit, setFit] = useState(first);
  const [wrong, setWrong] = useState(failed);
  const change = (patch: Partial<Fit>) => {
    setFit((old) => ({ ...old, ...patch }));
    setWrong(null);
  };
  const { columns, error } = useColumns(fit.source);
  const source = sqlOf(fit.source);
  const name = fit.name ?? nameFor(fit.source.kind === "table" ? fit.source.table : "", fit.target);
  const badName = name !== "" && (!NAME.test(name) || name.length > NAME_CHARS_MAX);
  const badBudget = fit.budgetS === null || fit.budgetS < BUDGET_S.least ? t("autopilot.budgetShort") : fit.budgetS > BUDGET_S.most ? t("autopilot.budgetLong") : undefined;
  const at = (field: Wrong["field"]) => (wrong?.field === field ? wrong.text : undefined);
  const others = (columns ?? []).map((column) => column.name).filter((column) => column !== fit.target);
  const options = {
    ...fit.rest,
    ...(fit.time ? { time_column: fit.time } : {}),
    ...(fit.group ? { group_column: fit.group } : {}),
    ...(fit.ignore.length ? { ignore: fit.ignore } : {}),
    ...(fit.keep.length ? { keep: fit.keep } : {}),
    ...(fit.folds ? { folds: fit.folds } : {}),
    ...(fit.seed ? { seed: fit.seed } : {}),
  };
  const body: Schemas["NewFit"] = { name, table: source, target: fit.target, task: fit.task as Learning, metric: fit.metric ?? "auto", budget_s: fit.budgetS ?? BUDGET_S.first, options, runtime: fit.runtime };
  const start = useMutation({
    mutationFn: () => take(api.POST("/api/autopilot", { body })),
    onSuccess: async (task) => {
      cache.setQueryData(["task", task.id], task);
      void cache.invalidateQueries({ queryKey: ["tasks"] });
      note(t("autopilot.startedNote", { name }));
      await navigate({ to: "/autopilot/$id", params: { id: task.id }, replace: true });
    },
    onError: (problem) => setWrong(wrongOfRequest(problem)),
  });
  const known = !columns || columns.some((column) => column.name === fit.target);
  const ready = source && !error && fit.target && known && name && !badName && !badBudget;
  const more = Object.keys(options).length > 0 || fit.runtime !== null || ["time", "group", "columns", "folds", "runtime"].includes(wrong?.field ?? "");
  return (
    <form
      className={css.two}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) start.mutate();
      }}
    >
      <Stack>
        <Panel title={t("tasks.data")}>
          <LearnFrom draft={fit} change={change} columns={columns} error={error} metrics={METRICS} wrong={wrong} />
        </Panel>
        <Panel title={t("code.copyAs")}>
          <RecipeTabs recipes={startFit(body)} />
        </Panel>
      </Stack>
      <Stack>
        <Panel title={t("tasks.limits")}>
          <Stack gap="sm">
            <TextInput label={t("tasks.name")} description={t("autopilot.newHint")} value={name} onChange={(event) => change({ name: event.currentTarget.value })} error={badName ? t("autopilot.newHint") : at("name")} maxLength={NAME_CHARS_MAX} spellCheck={false} data-testid="fit-name" />
            <DurationInput label={t("tasks.budget")} description={t("autopilot.budgetHint")} seconds={fit.budgetS} change={(budgetS) => change({ budgetS })} error={badBudget ?? at("budget")} testId="fit-budget" />
            <details className={css.more} open={more || undefined}>
              <summary data-testid="fit-more">{t("tasks.moreOptions")}</summary>
              <Stack gap="sm">
                <ColumnSelect label={t("autopilot.timeColumn")} description={t("autopilot.timeColumnHint")} columns={columns?.filter((column) => column.name !== fit.target)} value={fit.time} onChange={(time) => change({ time })} error={at("time")} testId="fit-time" />
                <ColumnSelect label={t("autopilot.groupColumn")} description={t("autopilot.groupColumnHint")} columns={columns?.filter((column) => column.name !== fit.target)} value={fit.group} onChange={(group) => change({ group })} error={at("group")} testId="fit-group" />
                <MultiSelect label={t("autopilot.ignore")} description={t("autopilot.ignoreHint")} data={[...new Set([...others, ...fit.ignore])]} value={fit.ignore} onChange={(ignore) => change({ ignore })} searchable limit={200} error={at("columns")} data-testid="fit-ignore" />
                <MultiSelect label={t("autopilot.keep")} description={t("autopilot.keepHint")} data={[...new Set([...others, ...fit.keep])].filter((column) => !fit.ignore.includes(column))} value={fit.keep} onChange={(keep) => change({ keep })} searchable limit={200} data-testid="fit-keep" />
                <Group grow align="start">
                  <NumberInput label={t("autopilot.folds")} description={t("autopilot.foldsHint")} value={fit.folds ?? ""} onChange={(folds) => change({ folds: folds === "" ? null : Number(folds) })} min={2} max={20} allowDecimal={false} disabled={fit.time !== null} error={at("folds")} data-testid="fit-folds" />
                  <NumberInput label={t("autopilot.seed")} description={t("autopilot.seedHint")} value={fit.seed} onChange={(seed) => change({ seed: Number(seed) || 0 })} min={0} allowDecimal={false} data-testid="fit-seed" />
                </Group>
                <RuntimeSelect value={fit.runtime} change={(runtime) => change({ runtime })} error={at("runtime")} />
              </Stack>
            </details>
            {start.error && !wrong ? <ProblemCard error={start.error} compact /> : null}
            <Group justify="flex-end" gap="xs">
              <LinkButton to="/autopilot" variant="default">
                {t("act.cancel")}
              </LinkButton>
              <Button type="submit" loading={start.isPending} disabled={!ready} data-testid="fit-submit">
                {t("autopilot.create")}
              </Button>
            </Group>
          </Stack>
        </Panel>
      </Stack>
    </form>
  );
}
