/** What was done, by whom, and whether it was allowed: newest first, page by page. */
import { Button, Stack } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, take } from "../api/client";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import css from "./admin.module.css";
import { KindName } from "./GranteeName";

const PAGE_ENTRIES = 100;

export function Audit() {
  const { t } = useTranslation();
  const format = useFormat();
  const audit = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) =>
      take(api.GET("/api/audit", { params: { query: { limit: PAGE_ENTRIES, ...(pageParam === null ? {} : { before: pageParam }) } } })),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
  });
  if (audit.error && !audit.data) return <ProblemCard error={audit.error} retry={() => void audit.refetch()} />;
  return (
    <Stack align="start">
      <div className={css.wide}>
        <SmallTable
          label={t("admin.audit")}
          rows={audit.data?.pages.flatMap((page) => page.entries)}
          rowKey={(entry) => String(entry.id)}
          empty={<EmptyState small title={t("admin.noAudit")} />}
          columns={[
            { id: "at", header: t("admin.when"), width: 230, cell: (entry) => <span className="figures" style={{ whiteSpace: "nowrap" }}>{format.exact(entry.at_ms)}</span> },
            { id: "actor", header: t("admin.who"), width: 110, cell: (entry) => <b>{entry.actor}</b> },
            { id: "action", header: t("admin.action"), width: 110, cell: (entry) => <span className={`mono ${css.act}`}>{entry.action}</span> },
            {
              id: "about",
              header: t("admin.about"),
              cell: (entry) => (
                <>
                  <span className={css.kind}>
                    <KindName kind={entry.kind} />
                  </span>{" "}
                  {entry.name}
                </>
              ),
            },
            {
              id: "outcome",
              header: t("admin.outcome"),
              width: 110,
              cell: (entry) => <StatusWord quiet state={stateOf(entry.outcome)} />,
            },
            {
              id: "detail",
              header: t("admin.detail"),
              cell: (entry) => (
                <span className={css.detail}>
                  {Object.entries(entry.detail)
                    .map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
                    .join(", ")}
                </span>
              ),
            },
          ]}
        />
      </div>
      {audit.hasNextPage ? (
        <Button variant="default" loading={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()} data-testid="audit-older">
          {t("admin.older")}
        </Button>
      ) : null}
    </Stack>
  );
}

function stateOf(outcome: string) {
  return outcome === "denied" ? ("denied" as const) : outcome === "failed" ? ("failed" as const) : ("ok" as const);
}
