/** All monitors: how each does, what it watches, when it looked last and how often it alarmed. */
import { IconActivityHeartbeat, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { listMonitors } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { StatusWord } from "../page/StatusWord";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { monitorsQuery } from "./data";
import { checkedOf, culpritText, RANK, utcMs } from "./state";

export function MonitorList() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const mayMake = useMayMake();
  const monitors = useQuery(monitorsQuery);
  const create = mayMake ? (
    <LinkButton to="/monitors/new" leftSection={<IconPlus size={16} />} data-testid="monitor-create">
      {t("monitors.create")}
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader
        title={t("monitors.title")}
        actions={
          <>
            <CopyAsCode recipes={listMonitors()} />
            {create}
          </>
        }
      />
      <ThingList
        label={t("monitors.title")}
        rows={monitors.data}
        error={monitors.error}
        retry={() => void monitors.refetch()}
        rowKey={(monitor) => monitor.name}
        searchText={(monitor) => `${monitor.name} ${monitor.source} ${monitor.owner} ${t(`state.${monitor.state}`)}`}
        empty={
          <EmptyState icon={<IconActivityHeartbeat size={40} stroke={1.3} />} title={t("monitors.emptyTitle")} text={t("monitors.emptyText")}>
            {create}
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (monitor) => monitor.name,
            cell: (monitor) => (
              <Link to="/monitors/$name" params={{ name: monitor.name }} className="cut thing" title={monitor.name} data-row-link>
                {monitor.name}
              </Link>
            ),
          },
          { id: "state", header: t("queries.status"), width: 122, order: (monitor) => RANK[monitor.state], cell: (monitor) => <StatusWord state={monitor.state} /> },
          {
            id: "culprit",
            header: t("monitors.whatMoved"),
            wideOnly: true,
            cell: (monitor) => {
              const newest = checkedOf(monitor.windows)[0];
              const text = newest?.alarm ? culpritText(newest, i18n.language) : "";
              return text ? (
                <span className="cut" title={text}>
                  {text}
                </span>
              ) : (
                "–"
              );
            },
          },
          {
            id: "source",
            header: t("monitors.source"),
            width: 210,
            wideOnly: true,
            order: (monitor) => monitor.source,
            cell: (monitor) => (
              <span className="cut mono" title={monitor.source}>
                {monitor.source}
              </span>
            ),
          },
          {
            id: "last",
            header: t("monitors.lastWindow"),
            width: 130,
            order: (monitor) => utcMs(checkedOf(monitor.windows)[0]?.until ?? null),
            cell: (monitor) => <When atMs={utcMs(checkedOf(monitor.windows)[0]?.until ?? null)} missing="–" />,
          },
          {
            id: "alarms",
            header: t("monitors.alarms"),
            numeric: true,
            width: 120,
            order: (monitor) => monitor.windows.filter((one) => one.alarm).length,
            cell: (monitor) => {
              const checked = checkedOf(monitor.windows);
              return checked.length ? t("monitors.alarmsOf", { n: format.whole(checked.filter((one) => one.alarm).length), all: format.whole(checked.length) }) : "–";
            },
          },
          { id: "owner", header: t("list.owner"), width: 110, wideOnly: true, order: (monitor) => monitor.owner, cell: (monitor) => monitor.owner },
        ]}
        firstOrder={{ id: "state", dir: "asc" }}
      />
    </>
  );
}
