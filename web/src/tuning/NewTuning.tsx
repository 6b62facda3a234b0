/** Start a tuning: the rows, the column to predict, and how long to try. */
import { Button, Group, NumberInput, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { startTuning } from "../code/recipes";
import { sqlOf, useColumns } from "../monitors/SourceInput";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useMayMake, useMe } from "../session/me";
import { type Task, taskErrorOf, taskQuery, tasksQuery } from "../tasks/data";
import { type Draft, DurationInput, LearnFrom, RuntimeSelect } from "../tasks/LearnFrom";
import { LEARNINGS, nameFor, type Wrong, wrongOf, wrongOfRequest } from "../tasks/learning";
import { isSelect } from "../tasks/TaskHead";
import css from "../tasks/tasks.module.css";
import { METRICS, TRIALS_DEFAULT } from "./trials";

const NAME = /^[A-Za-z0-9_가-힣][A-Za-z0-9_가-힣.-]*$/;
const NAME_CHARS_MAX = 100;
const TRIALS_MAX = 100_000;
const WORKERS_MAX = 64;
const BUDGET_S_MIN = 5;

type Tuning = Draft & { name: string | null; trials: number | null; budgetS: number | null; workers: number; runtime: string | null };

export function NewTuning() {
  const { t } = useTranslation();
  const asked = useSearch({ strict: false });
  const me = useMe();
  const mayMake = useMayMake();
  const like = useQuery({ ...taskQuery(asked.task ?? ""), enabled: Boolean(asked.task), refetchInterval: false });
  return (
    <>
      <PageHeader title={t("tuning.newTitle")} crumbs={[{ label: t("tuning.title"), link: { to: "/tuning" } }]} />
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

const EMPTY: Tuning = { source: { kind: "table", table: "", select: "" }, target: "", task: "auto", metric: null, name: null, trials: TRIALS_DEFAULT, budgetS: null, workers: 1, runtime: null };

function likeTask({ name, spec }: Task): Tuning {
  const source = String(spec.table ?? "");
  return {
    source: isSelect(source) ? { kind: "select", table: "", select: source } : { kind: "table", table: source, select: "" },
    target: String(spec.target ?? ""), task: LEARNINGS.find((one) => one === spec.task) ?? "auto", metric: spec.metric ? String(spec.metric) : null, name,
    trials: spec.trials ? Number(spec.trials) : null, budgetS: spec.budget_s ? Number(spec.budget_s) : null, workers: Number(spec.n_jobs ?? 1), runtime: spec.runtime ? String(spec.runtime) : null,
  };
}

function Form({ first, failed }: { first: Tuning; failed: Wrong | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [tuning, setTuning] = useState(first);
  const [wrong, setWrong] = useState(failed);
  const change = (patch: Partial<Tuning>) => {
    setTuning((old) => ({ ...old, ...patch }));
    setWrong(null);
  };
  const me = useMe();
  const others = useQuery(tasksQuery("tuning")).data ?? [];
  const { columns, error } = useColumns(tuning.source);
  const source = sqlOf(tuning.source);
  const name = tuning.name ?? nameFor(tuning.source.kind === "table" ? tuning.source.table : "", tuning.target);
  const badName = name !== "" && (!NAME.test(name) || name.length > NAME_CHARS_MAX);
  const goesOn = others.some((one) => one.name === name && one.owner === me?.name);
  const badBudget = tuning.budgetS !== null && tuning.budgetS < BUDGET_S_MIN ? t("autopilot.budgetShort") : undefined;
  const at = (field: Wrong["field"]) => (wrong?.field === field ? wrong.text : undefined);
  const body: Schemas["NewTuning"] = { name, table: source, target: tuning.target, task: tuning.task, metric: tuning.metric, trials: tuning.trials, budget_s: tuning.budgetS, n_jobs: tuning.workers, runtime: tuning.runtime };
  const start = useMutation({
    mutationFn: () => take(api.POST("/api/tuning", { body })),
    onSuccess: async (task) => {
      cache.setQueryData(["task", task.id], task);
      void cache.invalidateQueries({ queryKey: ["tasks"] });
      note(t("tuning.startedNote", { name }));
      await navigate({ to: "/tuning/$id", params: { id: task.id }, replace: true });
    },
    onError: (problem) => setWrong(wrongOfRequest(problem)),
  });
  const known = !columns || columns.some((column) => column.name === tuning.target);
  const ready = source && !error && tuning.target && known && name && !badName && !badBudget;
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
          <LearnFrom draft={tuning} change={change} columns={columns} error={error} metrics={METRICS} wrong={wrong} />
        </Panel>
        <Panel title={t("code.copyAs")}>
          <RecipeTabs recipes={startTuning(body)} />
        </Panel>
      </Stack>
      <Stack>
        <Panel title={t("tasks.limits")}>
          <Stack gap="sm">
            <TextInput label={t("tasks.name")} description={goesOn ? t("tuning.goesOn") : t("tuning.newHint")} value={name} onChange={(event) => change({ name: event.currentTarget.value })} error={badName ? t("tuning.newHint") : at("name")} maxLength={NAME_CHARS_MAX} spellCheck={false} data-testid="tuning-name" />
            <NumberInput label={t("tuning.trials")} description={t("tuning.trialsHint")} value={tuning.trials ?? ""} onChange={(trials) => change({ trials: trials === "" ? null : Number(trials) })} min={1} max={TRIALS_MAX} allowDecimal={false} error={at("trials")} data-testid="tuning-trials" />
            <DurationInput label={t("tasks.budget")} description={t("tuning.budgetHint")} seconds={tuning.budgetS} change={(budgetS) => change({ budgetS })} error={badBudget ?? at("budget")} testId="tuning-budget" />
            {tuning.trials === null && tuning.budgetS === null ? (
              <Text size="xs" c="dimmed">
                {t("tuning.neither")}
              </Text>
            ) : null}
            <details className={css.more} open={tuning.workers > 1 || tuning.runtime !== null || wrong?.field === "runtime" || undefined}>
              <summary data-testid="tuning-more">{t("tasks.moreOptions")}</summary>
              <Stack gap="sm">
                <NumberInput label={t("tuning.workers")} description={t("tuning.workersHint")} value={tuning.workers} onChange={(workers) => change({ workers: Number(workers) || 1 })} min={1} max={WORKERS_MAX} allowDecimal={false} data-testid="tuning-workers" />
                <RuntimeSelect value={tuning.runtime} change={(runtime) => change({ runtime })} error={at("runtime")} />
              </Stack>
            </details>
            {start.error && !wrong ? <ProblemCard error={start.error} compact /> : null}
            <Group justify="flex-end" gap="xs">
              <LinkButton to="/tuning" variant="default">
                {t("act.cancel")}
              </LinkButton>
              <Button type="submit" loading={start.isPending} disabled={!ready} data-testid="tuning-submit">
                {t("tuning.create")}
              </Button>
            </Group>
          </Stack>
        </Panel>
      </Stack>
    </form>
  );
}
