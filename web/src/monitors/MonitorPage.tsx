/** One monitor: how it does now, its drift by feature and window, its incidents, what it must satisfy; live by asking again. */
import { Anchor, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { CopyAsCode } from "../code/CopyAsCode";
import { readMonitor } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Figures } from "../page/Facts";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { TargetLink } from "../queries/TargetLink";
import { may } from "../session/me";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { BaselinePanel } from "./BaselinePanel";
import { ConstraintEditor } from "./ConstraintEditor";
import { type Monitor, monitorQuery, type MonitorWindow, olderWindowsQuery } from "./data";
import { FeatureDetail } from "./FeatureDetail";
import type { Cell } from "./heat";
import { HeatMap } from "./HeatMap";
import { Incidents } from "./Incidents";
import { MonitorActions } from "./MonitorActions";
import css from "./monitors.module.css";
import { Performance } from "./Performance";
import { checkedOf, culpritText, failureOf, firstFeature, utcMs } from "./state";
import { Violations } from "./Violations";

export function MonitorPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { name } = useParams({ from: "/inside/monitors/$name" });
  const monitor = useQuery(monitorQuery(name));
  const [older, setOlder] = useState(false);
  const more = useQuery({ ...olderWindowsQuery(name), enabled: older }).data;
  const crumbs = useMemo(() => [{ label: t("monitors.title"), link: { to: "/monitors" as const } }], [t]);
  const data = monitor.data;
  const checked = useMemo(() => {
    const newest = checkedOf(data?.windows ?? []);
    const known = new Set(newest.map((one) => one.window));
    return [...newest, ...checkedOf(more ?? []).filter((one) => !known.has(one.window))];
  }, [data?.windows, more]);
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={data ? <StatusWord state={data.state} testId="monitor-state" /> : null}
        actions={
          data ? (
            <>
              <CopyAsCode recipes={readMonitor(name, data.table)} />
              <MonitorActions monitor={data} />
            </>
          ) : null
        }
        under={
          data ? (
            <>
              <span className={css.source}>
                {t("monitors.watches")}: {/\s/.test(data.source.trim()) ? <code title={data.source}>{data.source}</code> : <TargetLink target={data.source} />}
              </span>
              <span>{t("monitors.everyTime", { time: format.duration(data.every_s * 1000) })}</span>
              <span className={css.source}>
                {t("monitors.findings")}: <TargetLink target={data.table} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {monitor.error && !data ? <ProblemCard error={monitor.error} retry={() => void monitor.refetch()} /> : null}
      {data ? <Failure monitor={data} /> : null}
      {monitor.error && !data ? null : (
        <PageTabs
          tabs={[
            { id: "overview", label: t("queries.tabOverview"), body: () => (data ? <Overview monitor={data} checked={checked} /> : <Skeleton height={360} />) },
            { id: "violations", label: t("monitors.violations"), body: () => (data ? <Violations name={name} checked={checked} /> : <Skeleton height={240} />) },
            { id: "performance", label: t("monitors.performance"), body: () => (data ? <Performance monitor={data} checked={checked} /> : <Skeleton height={240} />) },
            ...(data && !data.has_baseline ? [] : [{ id: "constraints", label: t("monitors.constraints"), body: () => <ConstraintEditor name={name} mayChange={may(data?.permission, "write")} /> }]),
            { id: "baseline", label: t("monitors.baseline"), body: () => (data ? <BaselinePanel monitor={data} /> : <Skeleton height={240} />) },
            ...(may(data?.permission, "manage") ? [{ id: "access", label: t("queries.tabAccess"), body: () => <GrantsPanel kind="monitor" name={name} /> }] : []),
          ]}
        />
      )}
      {data && data.windows.length >= 30 && !older ? (
        <Anchor component="button" type="button" size="xs" mt="sm" onClick={() => setOlder(true)} data-testid="monitor-older">
          {t("monitors.older")}
        </Anchor>
      ) : null}
    </>
  );
}

function Failure({ monitor }: { monitor: Monitor }) {
  const { t } = useTranslation();
  const failed = failureOf(monitor);
  if (!failed) return null;
  const { message, hint } = (failed.error ?? {}) as { message?: string; hint?: string };
  return (
    <section className={css.failed} role="alert" data-testid="monitor-error">
      <b>{t("monitors.failedTitle", { n: failed.window })}</b>
      <p>{message}</p>
      {hint ? <p className={css.hint}>{hint}</p> : null}
      <p className={css.hint}>{t("monitors.failedText")}</p>
    </section>
  );
}

function Overview({ monitor, checked }: { monitor: Monitor; checked: MonitorWindow[] }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const [window] = useUrlState("window");
  const [feature] = useUrlState("feature");
  const patch = useUrlPatch();
  const newest = checked[0];
  const at = checked.find((one) => String(one.window) === window) ?? newest;
  const chosen: Cell | null = useMemo(() => {
    const first = feature ?? (at ? firstFeature(at) : undefined);
    return at && first !== undefined ? { window: at.window, feature: first } : null;
  }, [at, feature]);
  if (!monitor.has_baseline) {
    return <BaselinePanel monitor={monitor} />;
  }
  const alarms = checked.filter((one) => one.alarm).length;
  return (
    <Stack>
      <Figures
        facts={[
          { label: t("monitors.windowsChecked"), value: format.whole(checked.length) },
          { label: t("monitors.alarms"), value: format.whole(alarms), testId: "alarms" },
          { label: t("monitors.lastWindow"), value: <When atMs={utcMs(newest?.until ?? null)} missing="–" />, hint: t("monitors.lastWindowHint") },
          { label: t("monitors.lastRows"), value: newest?.rows == null ? "–" : format.whole(newest.rows) },
          { label: t("monitors.baselineRowsShort"), value: format.whole(monitor.baseline_rows) },
        ]}
      />
      {checked.length === 0 || !chosen ? (
        <Panel>
          <EmptyState small title={t("monitors.noWindows")} text={t("monitors.waitingText", { rows: format.whole(monitor.rows_min), time: format.duration(monitor.every_s * 1000) })} />
        </Panel>
      ) : (
        <>
          {newest?.alarm ? (
            <p className={css.now} data-testid="culprit">
              <StatusWord state="drifting" />
              <Link to="." search={{ window: String(newest.window), feature: firstFeature(newest) }}>
                {culpritText(newest, i18n.language)}
              </Link>
            </p>
          ) : null}
          <HeatMap name={monitor.name} checked={checked} chosen={chosen} choose={(cell) => patch({ window: String(cell.window), feature: cell.feature })} />
          <FeatureDetail name={monitor.name} cell={chosen} />
          <Panel title={t("monitors.incidents")} flush>
            <Incidents checked={checked} />
          </Panel>
        </>
      )}
    </Stack>
  );
}
