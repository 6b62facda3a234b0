/** One standing query: how it does now, what it wrote last, its alerts, its SQL; start and stop. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { CopyAsCode } from "../code/CopyAsCode";
import { standingQuery } from "../code/recipes";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { may } from "../session/me";
import { AlertLists } from "./AlertLists";
import { alertsQuery, queriesQuery, queryQuery } from "./data";
import css from "./queries.module.css";
import { QueryAbout } from "./QueryAbout";
import { QueryActions } from "./QueryActions";
import { QueryOverview } from "./QueryOverview";
import { stateOf } from "./state";
import { TargetLink } from "./TargetLink";

export function QueryPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: "/inside/queries/$name" });
  const listed = useQuery({ ...queriesQuery, enabled: false }).data?.find((one) => one.name === name);
  const query = useQuery({ ...queryQuery(name), placeholderData: listed });
  const firing = useQuery(alertsQuery).data?.firing.filter((alert) => alert.query === name).length;
  const crumbs = useMemo(() => [{ label: t("queries.title"), link: { to: "/queries" as const } }], [t]);
  const data = query.data;
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={data ? <StatusWord state={stateOf(data.status)} testId="query-state" /> : null}
        actions={
          data ? (
            <>
              <CopyAsCode recipes={standingQuery(data.name, data.sql, /\binsert\s+into\b/i.test(data.sql) ? null : data.into, data.alert)} />
              <QueryActions query={data} />
            </>
          ) : null
        }
        under={
          data ? (
            <>
              <span>
                {t("queries.reads")}:{" "}
                {data.sources.map((source, index) => (
                  <span key={source} className={css.inline}>
                    {index ? ", " : ""}
                    <TargetLink plain target={source.startsWith("stream:") ? source : `stream:${source}`} />
                  </span>
                ))}
              </span>
              <span className={css.inline}>
                {t("queries.into")}: <TargetLink target={data.into} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
              <span>
                {t("queries.created")}: <When atMs={data.created_at_ms} />
              </span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {query.error && !data ? <ProblemCard error={query.error} retry={() => void query.refetch()} /> : null}
      {data?.status.error ? (
        <section className={css.failed} role="alert" data-testid="query-error">
          <b>{t("queries.failedTitle")}</b>
          <p>{data.status.error}</p>
          {data.status.hint ? <p className={css.hint}>{data.status.hint}</p> : null}
          <LinkButton size="xs" variant="default" to="/sql" search={{ mode: "standing", query: data.sql }}>
            {t("queries.editAsNew")}
          </LinkButton>
        </section>
      ) : null}
      {query.error && !data ? null : (
        <PageTabs
          tabs={[
            { id: "overview", label: t("queries.tabOverview"), body: () => <QueryOverview query={data} /> },
            { id: "alerts", label: t("queries.tabAlerts"), count: firing || null, body: () => <AlertLists of={name} /> },
            { id: "about", label: t("queries.tabAbout"), body: () => <QueryAbout query={data} /> },
            ...(may(data?.permission, "manage") ? [{ id: "access", label: t("queries.tabAccess"), body: () => <GrantsPanel kind="query" name={name} /> }] : []),
          ]}
        />
      )}
    </>
  );
}
