/** The part of a form that a fit and a tuning share: rows, the column to predict, the task and how it is judged. */
import { Group, Loader, NumberInput, Select, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, type Column, take } from "../api/client";
import { type Source, SourceInput } from "../monitors/SourceInput";
import { ProblemCard } from "../page/ProblemCard";
import { type Learning, LEARNINGS, type Wrong } from "./learning";
import css from "./tasks.module.css";

export type Draft = { source: Source; target: string; task: Learning; metric: string | null };

/** `metrics`: for each task, by their names. */
export function LearnFrom({ draft, change, columns, error, metrics, wrong }: {
  draft: Draft;
  change: (patch: Partial<Draft>) => void;
  columns: Column[] | undefined;
  /** why there are no columns */ error: unknown;
  metrics: Record<Exclude<Learning, "auto">, string[]>;
  wrong: Wrong | null;
}) {
  const { t } = useTranslation();
  const at = (field: Wrong["field"]) => (wrong?.field === field ? wrong.text : undefined);
  const known = draft.task === "auto" ? [...new Set(Object.values(metrics).flat())] : metrics[draft.task];
  const sourced = draft.source.kind === "table" ? draft.source.table : draft.source.select.trim();
  return (
    <Stack gap="sm">
      <SourceInput label={t("tasks.rowsToLearn")} source={draft.source} change={(source) => change({ source })} testId="source" hint={t("tasks.selectHint")} error={at("source")} />
      {error ? <ProblemCard error={error} compact /> : null}
      <ColumnSelect
        label={t("tasks.target")}
        description={t("tasks.targetHint")}
        placeholder={t("tasks.pickTarget")}
        columns={columns}
        value={draft.target || null}
        onChange={(target) => change({ target: target ?? "" })}
        loading={Boolean(sourced) && !columns && !error}
        error={at("target")}
        testId="learn-target"
      />
      <Group grow align="start">
        <Select
          label={t("tasks.task")}
          data={LEARNINGS.map((value) => ({ value, label: t(`tasks.kinds.${value}`) }))}
          value={draft.task}
          onChange={(next) => {
            const task = (next ?? "auto") as Learning;
            change({ task, metric: draft.metric && (task === "auto" || metrics[task].includes(draft.metric)) ? draft.metric : null });
          }}
          allowDeselect={false}
          error={at("task")}
          data-testid="learn-task"
        />
        <Select
          label={t("tasks.metric")}
          data={[{ value: "", label: t("tasks.metricAuto") }, ...known.map((value) => ({ value, label: value }))]}
          value={draft.metric ?? ""}
          onChange={(metric) => change({ metric: metric || null })}
          allowDeselect={false}
          error={at("metric")}
          data-testid="learn-metric"
        />
      </Group>
    </Stack>
  );
}

/** A column by its name, with its type beside it. */
export function ColumnSelect({ columns, value, onChange, label, description, placeholder, error, loading = false, testId }: {
  columns: Column[] | undefined;
  value: string | null;
  onChange: (next: string | null) => void;
  label: string;
  description?: string;
  placeholder?: string;
  error?: string;
  loading?: boolean;
  testId: string;
}) {
  const { t } = useTranslation();
  const types = new Map((columns ?? []).map((column) => [column.name, column.type]));
  // What an older form asked for is shown though the columns are not known yet.
  const names = value && !types.has(value) ? [value, ...types.keys()] : [...types.keys()];
  const gone = value && columns && !types.has(value) ? t("list.unknown") : undefined;
  return (
    <Select
      label={label}
      description={description}
      placeholder={placeholder}
      data={names}
      value={value}
      onChange={onChange}
      renderOption={({ option }) => (
        <span className={css.option}>
          <span className="cut">{option.value}</span>
          <small>{types.get(option.value) ?? ""}</small>
        </span>
      )}
      rightSection={loading ? <Loader size={14} /> : undefined}
      disabled={names.length === 0}
      error={error ?? gone}
      clearable
      searchable
      limit={200}
      nothingFoundMessage={t("search.nothing")}
      data-testid={testId}
    />
  );
}

const UNITS_S = { seconds: 1, minutes: 60, hours: 3600 };
type Unit = keyof typeof UNITS_S;
const unitOf = (seconds: number | null): Unit => (seconds === null || seconds % 60 ? "seconds" : seconds % 3600 ? "minutes" : "hours");

/** A length of time by number and unit; null where it may be left out and is. */
export function DurationInput({ seconds, change, label, description, error, testId }: { seconds: number | null; change: (next: number | null) => void; label: string; description: string; error?: string; testId: string }) {
  const { t } = useTranslation();
  const [unit, setUnit] = useState<Unit>(seconds === null ? "minutes" : unitOf(seconds));
  return (
    <Group align="start" gap="xs" wrap="nowrap" grow>
      <NumberInput
        label={label}
        description={description}
        value={seconds === null ? "" : seconds / UNITS_S[unit]}
        onChange={(next) => change(next === "" ? null : Number(next) * UNITS_S[unit])}
        min={0}
        error={error}
        data-testid={testId}
      />
      <Select
        label={t("monitors.unitOfTime")}
        description={"\u00a0"}
        data={(Object.keys(UNITS_S) as Unit[]).map((value) => ({ value, label: t(`monitors.units.${value}`) }))}
        value={unit}
        onChange={(next) => {
          // The number stays, as one expects who reads "5 minutes" and chooses hours.
          if (seconds !== null) change((seconds / UNITS_S[unit]) * UNITS_S[next as Unit]);
          setUnit(next as Unit);
        }}
        allowDeselect={false}
        data-testid={`${testId}-unit`}
      />
    </Group>
  );
}

export function RuntimeSelect({ value, change, error }: { value: string | null; change: (next: string | null) => void; error?: string }) {
  const { t } = useTranslation();
  const runtimes = useQuery({ queryKey: ["runtimes"], queryFn: () => take(api.GET("/api/runtimes")) }).data ?? [];
  return (
    <Select
      label={t("tasks.runtime")}
      description={t("tasks.runtimeHint")}
      data={[{ value: "", label: t("tasks.runtimeOwn") }, ...runtimes.map((one) => ({ value: one.name, label: one.state === "installed" ? one.name : t("tasks.notInstalled", { name: one.name }), disabled: one.state !== "installed" }))]}
      value={value ?? ""}
      onChange={(next) => change(next || null)}
      allowDeselect={false}
      error={error}
      data-testid="learn-runtime"
    />
  );
}
