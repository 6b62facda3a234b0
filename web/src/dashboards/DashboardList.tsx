/** All dashboards that the reader may see. */
import { IconChartLine, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { dashboardsQuery } from "./data";

export function DashboardList() {
  const { t } = useTranslation();
  const format = useFormat();
  const mayMake = useMayMake();
  const dashboards = useQuery(dashboardsQuery);
  const create = (
    <LinkButton to="/dashboards/new" leftSection={<IconPlus size={16} />} data-testid="dashboard-create">
      {t("dashboards.create")}
    </LinkButton>
  );
  return (
    <>
      <PageHeader title={t("dashboards.title")} actions={mayMake ? create : null} />
      <ThingList
        label={t("dashboards.title")}
        rows={dashboards.data}
        error={dashboards.error}
        retry={() => void dashboards.refetch()}
        rowKey={(dashboard) => dashboard.name}
        searchText={(dashboard) => `${dashboard.name} ${dashboard.spec.title}`}
        empty={
          <EmptyState icon={<IconChartLine size={40} stroke={1.3} />} title={t("dashboards.emptyTitle")} text={t("dashboards.emptyText")}>
            {mayMake ? create : null}
          </EmptyState>
        }
        columns={[
          {
            id: "title",
            header: t("dashboards.heading"),
            order: (dashboard) => dashboard.spec.title || dashboard.name,
            cell: (dashboard) => (
              <Link to="/dashboards/$name" params={{ name: dashboard.name }} className="cut thing" data-row-link>
                {dashboard.spec.title || dashboard.name}
              </Link>
            ),
          },
          { id: "name", header: t("list.name"), order: (dashboard) => dashboard.name, cell: (dashboard) => <span className="mono">{dashboard.name}</span> },
          { id: "charts", header: t("dashboards.charts"), numeric: true, width: 100, order: (dashboard) => dashboard.spec.widgets?.length ?? 0, cell: (dashboard) => format.whole(dashboard.spec.widgets?.length ?? 0) },
          { id: "changed", header: t("dashboards.changed"), width: 130, order: (dashboard) => dashboard.updated_at_ms, cell: (dashboard) => <When atMs={dashboard.updated_at_ms} /> },
          { id: "owner", header: t("list.owner"), width: 140, wideOnly: true, order: (dashboard) => dashboard.owner, cell: (dashboard) => dashboard.owner },
        ]}
      />
    </>
  );
}
