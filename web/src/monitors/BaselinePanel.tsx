/** What is normal for a monitor: where it was learned, and learning it anew. */
import { Anchor, Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { giveBaseline } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { Facts } from "../page/Facts";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { may } from "../session/me";
import { useUrlState } from "../shell/urlState";
import { taskQuery } from "../tasks/data";
import type { Monitor } from "./data";
import css from "./monitors.module.css";
import { type Source, SourceInput, sqlOf } from "./SourceInput";

export function BaselinePanel({ monitor }: { monitor: Monitor }) {
  const { t } = useTranslation();
  const format = useFormat();
  const path = `/api/monitors/${encodeURIComponent(monitor.name)}`;
  return (
    <div className={css.two}>
      <Stack>
        {monitor.has_baseline ? (
          <Panel title={t("monitors.inUse")}>
            <Facts
              facts={[
                { label: t("monitors.rows"), value: format.whole(monitor.baseline_rows) },
                { label: t("monitors.learned"), value: <When atMs={monitor.baseline_at_ms} /> },
                { label: t("monitors.source"), value: <span className="mono">{monitor.source}</span> },
                {
                  label: t("monitors.files"),
                  value: (
                    <Group gap="md">
                      <Anchor size="sm" href={`${path}/baseline`} download={`${monitor.name}-baseline.zip`}>
                        baseline.zip
                      </Anchor>
                      <Anchor size="sm" href={`${path}/statistics`} download="statistics.json">
                        statistics.json
                      </Anchor>
                      <Anchor size="sm" href={`${path}/constraints`} download="constraints.json">
                        constraints.json
                      </Anchor>
                    </Group>
                  ),
                },
              ]}
            />
          </Panel>
        ) : null}
        {may(monitor.permission, "write") ? <Learn monitor={monitor} /> : null}
      </Stack>
      <Panel title={t("monitors.fromCode")}>
        <Text size="sm" c="dimmed" mb="xs">
          {t("monitors.fromCodeText")}
        </Text>
        <RecipeTabs recipes={giveBaseline(monitor.name)} />
      </Panel>
    </div>
  );
}

function Learn({ monitor }: { monitor: Monitor }) {
  const { t } = useTranslation();
  const [from, setFrom] = useState<"own" | "other">("own");
  const [source, setSource] = useState<Source>({ kind: "table", table: "", select: "" });
  const [task, setTask] = useUrlState("task");
  const learn = useMutation({
    mutationFn: () => take(api.POST("/api/monitors/{name}/learn", { params: { path: { name: monitor.name } }, body: { sql: from === "own" ? null : sqlOf(source) } })),
    onSuccess: (begun) => setTask(begun.id),
  });
  return (
    <Panel title={monitor.has_baseline ? t("monitors.learnAgain") : t("monitors.learnTitle")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          learn.mutate();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {monitor.has_baseline ? t("monitors.learnText") : t("monitors.noBaselineText")}
          </Text>
          <SegmentedControl data={[{ value: "own", label: t("monitors.fromOwn") }, { value: "other", label: t("monitors.fromOther") }]} value={from} onChange={(next) => setFrom(next as "own" | "other")} />
          {from === "other" ? <SourceInput label={t("monitors.baselineRows")} source={source} change={setSource} testId="baseline" /> : null}
          {learn.error ? <ProblemCard error={learn.error} compact /> : null}
          {task ? <Progress id={task} name={monitor.name} done={() => setTask(undefined)} /> : null}
          <Group justify="flex-end">
            <Button type="submit" loading={learn.isPending} disabled={(from === "other" && !sqlOf(source)) || Boolean(task)} data-testid="monitor-learn">
              {t("monitors.learn")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}

/** How learning goes; once it is done the monitor is read again and this disappears. */
function Progress({ id, name, done }: { id: string; name: string; done: () => void }) {
  const { t } = useTranslation();
  const task = useQuery(taskQuery(id));
  const state = task.data?.state;
  useEffect(() => {
    if (state !== "done") return;
    void cache.invalidateQueries({ queryKey: ["monitor", name] });
    done();
    // `done` is made anew on each draw.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [state, name]);
  if (task.error) return <ProblemCard error={task.error} compact />;
  if (state === "failed" || state === "cancelled") {
    const { message, hint } = (task.data?.error ?? {}) as { message?: string; hint?: string };
    return (
      <div className={css.failed} role="alert" data-testid="learn-failed">
        <StatusWord state="failed" quiet /> {message}
        {hint ? <p>{hint}</p> : null}
        <Button size="compact-xs" variant="default" mt={6} onClick={done}>
          {t("act.close")}
        </Button>
      </div>
    );
  }
  return (
    <Group gap="xs" data-testid="learning">
      <StatusWord state={state === "running" ? "running" : "waiting"} />
      <Text size="sm">{t("monitors.learning")}</Text>
    </Group>
  );
}
