/** One dashboard: charts that follow the data; and, for who may write, its editor. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { useConnection } from "../api/live";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { may } from "../session/me";
import { useUrlState } from "../shell/urlState";
import css from "./dashboards.module.css";
import { type Dashboard, dashboardQuery } from "./data";
import { WidgetCard } from "./WidgetCard";

const DashboardEditor = lazy(() => import("./DashboardEditor"));

export function DashboardPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: "/inside/dashboards/$name" });
  const [edit] = useUrlState("edit");
  const [tab] = useUrlState("tab");
  const dashboard = useQuery(dashboardQuery(name));
  const crumbs = useMemo(() => [{ label: t("dashboards.title"), link: { to: "/dashboards" as const } }], [t]);
  const data = dashboard.data;
  if (!data) {
    return (
      <>
        <PageHeader title={name} crumbs={crumbs} />
        {dashboard.error ? (
          <ProblemCard error={dashboard.error} retry={() => void dashboard.refetch()} />
        ) : (
          <div className={css.grid} aria-busy>
            {[2, 1, 1, 1, 1].map((width, index) => (
              <div key={index} className={css.widget} data-width={width} data-height={1} />
            ))}
          </div>
        )}
      </>
    );
  }
  if (edit && may(data.permission, "write")) {
    return (
      <Suspense>
        <DashboardEditor key={data.name} dashboard={data} />
      </Suspense>
    );
  }
  const widgets = data.spec.widgets ?? [];
  return (
    <>
      <PageHeader title={data.spec.title || name} crumbs={crumbs} status={<LiveMark />} actions={<Actions dashboard={data} />} />
      {tab === "access" && may(data.permission, "manage") ? (
        <GrantsPanel kind="dashboard" name={name} />
      ) : widgets.length === 0 ? (
        <EmptyState title={t("dashboards.noWidgets")} text={t("dashboards.noWidgetsText")}>
          {may(data.permission, "write") ? (
            <LinkButton to="." search={{ edit: "1" }} leftSection={<IconPlus size={16} />} data-testid="widget-add-first">
              {t("dashboards.addWidget")}
            </LinkButton>
          ) : null}
        </EmptyState>
      ) : (
        <div className={css.grid} data-testid="dashboard">
          {widgets.map((widget) => (
            <WidgetCard key={widget.id} widget={widget} />
          ))}
        </div>
      )}
    </>
  );
}

function LiveMark() {
  const { t } = useTranslation();
  const open = useConnection().state === "open";
  return (
    <span title={t("dashboards.live")} data-testid="dashboard-live" data-live={open}>
      <StatusWord state={open ? "live" : "lost"} quiet />
    </span>
  );
}

function Actions({ dashboard }: { dashboard: Dashboard }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  if (!may(dashboard.permission, "write")) return null;
  return (
    <>
      <LinkButton to="." search={{ edit: "1" }} variant="default" leftSection={<IconPencil size={16} />} data-testid="dashboard-edit">
        {t("dashboards.edit")}
      </LinkButton>
      {may(dashboard.permission, "manage") ? (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="dashboard-more">
              <IconDots size={17} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void navigate({ to: ".", search: { tab: "access" } })}>{t("streams.tabAccess")}</Menu.Item>
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)} data-testid="dashboard-delete">
              {t("dashboards.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : null}
      <Confirm
        opened={deleting}
        close={() => setDeleting(false)}
        title={t("dashboards.deleteTitle", { name: dashboard.spec.title || dashboard.name })}
        text={`${t("dashboards.deleteText")} ${t("confirm.cannotUndo")}`}
        label={t("dashboards.delete")}
        act={async () => {
          await take(api.DELETE("/api/dashboards/{name}", { params: { path: { name: dashboard.name } } }));
          note(t("act.done"));
          await navigate({ to: "/dashboards", replace: true });
          cache.removeQueries({ queryKey: ["dashboard", dashboard.name] });
          void cache.invalidateQueries({ queryKey: ["dashboards"] });
        }}
      />
    </>
  );
}
