/** Some rows of a table, of now or of an older version. */
import { Button, Skeleton } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { onTableChange } from "../api/live";
import { ResultsGrid } from "../grid/ResultsGrid";
import { saveCsv } from "../grid/save";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlState } from "../shell/urlState";
import { sampleQuery } from "./data";
import css from "./tables.module.css";

export function TableSample({ name, version }: { name: string; version: number | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [, setVersion] = useUrlState("version", true);
  const sample = useQuery(sampleQuery(name, version));
  useEffect(() => {
    if (version !== null) return;
    return onTableChange((table) => {
      if (table === name || table === "*") void cache.invalidateQueries({ queryKey: ["table", name, "sample", null] });
    });
  }, [name, version]);
  const data = sample.data;
  if (sample.error && !data) return <ProblemCard error={sample.error} retry={() => void sample.refetch()} />;
  return (
    <div className={css.sample}>
      <div className={css.sampleBar}>
        {version === null ? (
          <span>{data ? t("tables.sampleNewest", { n: format.whole(data.row_count) }) : <Skeleton height={14} width={160} />}</span>
        ) : (
          <>
            <span className={css.old}>{t("tables.oldVersion", { version: format.whole(version) })}</span>
            <Button size="compact-xs" variant="default" onClick={() => setVersion(undefined)} data-testid="table-newest">
              {t("tables.toNewest")}
            </Button>
          </>
        )}
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          ml="auto"
          leftSection={<IconDownload size={15} />}
          disabled={!data?.rows.length}
          onClick={() => data && saveCsv(data.columns.map((column) => column.name), data.rows, `${name}.csv`)}
        >
          {t("sql.csv")}
        </Button>
      </div>
      {!data ? (
        <Skeleton height={360} radius={0} />
      ) : data.rows.length === 0 ? (
        <EmptyState small title={t("tables.noRows")} />
      ) : (
        <ResultsGrid columns={data.columns} rows={data.rows} label={t("tables.tabSample")} height="max(360px, calc(100dvh - 310px))" />
      )}
    </div>
  );
}
