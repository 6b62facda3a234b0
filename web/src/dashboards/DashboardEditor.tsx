/** Change a dashboard: its title, its charts and their order, or all of it as JSON. Nothing is written before Save. */
import { ActionIcon, Button, Group, SegmentedControl, Text, TextInput, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useBlocker, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { asProblem } from "../api/problem";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlState } from "../shell/urlState";
import css from "./dashboards.module.css";
import { type Dashboard, type DashboardSpec, dashboardQuery, type Widget } from "./data";
import { checkSpec } from "./spec";
import { WidgetCard } from "./WidgetCard";
import { WidgetForm } from "./WidgetForm";

const JsonEditor = lazy(() => import("../sql/Editor"));

export default function DashboardEditor({ dashboard }: { dashboard: Dashboard }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [view, setView] = useUrlState("view");
  const [spec, setSpec] = useState<DashboardSpec>(dashboard.spec);
  const [base, setBase] = useState(dashboard);
  const [editing, setEditing] = useState<Widget | null>(null);
  const [json, setJson] = useState<string | null>(null);
  const widgets = spec.widgets ?? [];
  const dirty = JSON.stringify(spec) !== JSON.stringify(base.spec);
  const leaving = useRef(false);
  const crumbs = useMemo(
    () => [
      { label: t("dashboards.title"), link: { to: "/dashboards" as const } },
      { label: dashboard.spec.title || dashboard.name, link: { to: "." as const, search: {} } },
    ],
    [t, dashboard],
  );

  const checked = useMemo(() => (json === null ? null : checkSpec(json)), [json]);

  const save = useMutation({
    mutationFn: (expect: number | null) =>
      take(api.PUT("/api/dashboards/{name}", { params: { path: { name: dashboard.name } }, body: { spec, expect_version: expect } })),
    onSuccess: async (saved) => {
      cache.setQueryData(["dashboard", saved.name], saved);
      void cache.invalidateQueries({ queryKey: ["dashboards"] });
      note(t("dashboards.saved"));
      leaving.current = true;
      await navigate({ to: ".", search: {}, replace: true });
    },
  });
  const conflict = save.error && [409, 412].includes(asProblem(save.error).status);

  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && !leaving.current && !(current.pathname === next.pathname && "edit" in next.search && next.search.edit !== undefined),
    enableBeforeUnload: () => dirty && !leaving.current,
    withResolver: true,
  });

  const put = (next: Widget[]) => setSpec({ ...spec, widgets: next });
  const move = (index: number, by: number) => {
    const next = [...widgets];
    const [one] = next.splice(index, 1);
    next.splice(index + by, 0, one!);
    put(next);
  };

  if (editing) {
    return (
      <WidgetForm
        widget={editing}
        isNew={!widgets.some((one) => one.id === editing.id)}
        cancel={() => setEditing(null)}
        apply={(done) => {
          put(widgets.some((one) => one.id === done.id) ? widgets.map((one) => (one.id === done.id ? done : one)) : [...widgets, done]);
          setEditing(null);
        }}
      />
    );
  }
  return (
    <>
      <PageHeader
        title={t("dashboards.edit")}
        crumbs={crumbs}
        actions={
          <>
            <SegmentedControl
              value={view === "json" ? "json" : "layout"}
              onChange={(next) => {
                setJson(next === "json" ? JSON.stringify(spec, null, 2) : null);
                setView(next === "json" ? "json" : undefined);
              }}
              data={[
                { value: "layout", label: t("dashboards.layout") },
                { value: "json", label: t("dashboards.source") },
              ]}
            />
            <LinkButton to="." search={{}} variant="default">
              {t("act.cancel")}
            </LinkButton>
            <Button onClick={() => save.mutate(base.version)} loading={save.isPending} disabled={!dirty || (checked !== null && !checked.ok)} data-testid="dashboard-save">
              {t("dashboards.done")}
            </Button>
          </>
        }
      />
      {conflict ? (
        <section className={css.conflict} role="alert">
          <b>{t("dashboards.conflict")}</b>
          <Text size="sm">{t("dashboards.conflictText")}</Text>
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              onClick={() =>
                void cache.fetchQuery({ ...dashboardQuery(dashboard.name), staleTime: 0 }).then((theirs) => {
                  setBase(theirs);
                  setSpec(theirs.spec);
                  setJson(view === "json" ? JSON.stringify(theirs.spec, null, 2) : null);
                  save.reset();
                })
              }
            >
              {t("dashboards.takeTheirs")}
            </Button>
            <Button size="xs" variant="default" onClick={() => save.mutate(null)}>
              {t("dashboards.overwrite")}
            </Button>
          </Group>
        </section>
      ) : save.error ? (
        <ProblemCard error={save.error} compact />
      ) : null}
      {view === "json" ? (
        <>
          <div className={css.json}>
            <Suspense>
              <JsonEditor
                language="json"
                label={t("dashboards.source")}
                value={json ?? JSON.stringify(spec, null, 2)}
                onChange={(text) => {
                  setJson(text);
                  const next = checkSpec(text);
                  if (next.ok) setSpec(next.spec);
                }}
              />
            </Suspense>
          </div>
          {checked && !checked.ok ? (
            <Text c="var(--bad)" size="sm" mt="xs" role="alert">
              {t("dashboards.badJson", { message: checked.message })}
            </Text>
          ) : null}
        </>
      ) : (
        <>
          <Group align="end" mb="md" gap="sm">
            <TextInput label={t("dashboards.heading")} value={spec.title} onChange={(event) => setSpec({ ...spec, title: event.currentTarget.value })} w={360} data-testid="dashboard-title" />
            <Button variant="light" leftSection={<IconPlus size={16} />} onClick={() => setEditing(newWidget())} data-testid="widget-add">
              {t("dashboards.addWidget")}
            </Button>
          </Group>
          {widgets.length === 0 ? <EmptyState title={t("dashboards.noWidgets")} text={t("dashboards.noWidgetsText")} /> : null}
          <div className={css.grid} data-testid="dashboard">
            {widgets.map((widget, index) => (
              <WidgetCard
                key={widget.id}
                widget={widget}
                tools={
                  <div className={css.tools}>
                    <Tool label={t("dashboards.moveEarlier")} of={widget} Icon={IconArrowLeft} disabled={index === 0} act={() => move(index, -1)} />
                    <Tool label={t("dashboards.moveLater")} of={widget} Icon={IconArrowRight} disabled={index === widgets.length - 1} act={() => move(index, 1)} />
                    <Tool label={t("act.edit")} of={widget} Icon={IconPencil} act={() => setEditing(widget)} testId="widget-edit" />
                    <Tool label={t("act.remove")} of={widget} Icon={IconTrash} act={() => put(widgets.filter((one) => one !== widget))} testId="widget-remove" />
                  </div>
                }
              />
            ))}
          </div>
        </>
      )}
      <Confirm
        opened={blocker.status === "blocked"}
        close={() => blocker.reset?.()}
        title={t("dashboards.leave")}
        text={t("dashboards.leaveText")}
        label={t("dashboards.discard")}
        act={() => {
          blocker.proceed?.();
          return Promise.resolve();
        }}
      />
    </>
  );
}

function Tool({ label, of, Icon, act, disabled, testId }: { label: string; of: Widget; Icon: typeof IconPencil; act: () => void; disabled?: boolean; testId?: string }) {
  return (
    <Tooltip label={label}>
      <ActionIcon size="sm" aria-label={`${label}: ${of.title}`} onClick={act} disabled={disabled} data-testid={testId}>
        <Icon size={15} />
      </ActionIcon>
    </Tooltip>
  );
}

function newWidget(): Widget {
  return { id: crypto.randomUUID().slice(0, 8), title: "", type: "line", sql: "", x: null, y: [], series: null, unit: null, threshold: null, width: 1, height: 1 };
}
