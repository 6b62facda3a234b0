/** Rows to look at: a table of the list, or a SELECT. */
import { SegmentedControl, Select, Stack, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, type Column, take } from "../api/client";
import { tablesQuery } from "../tables/data";

export type Source = { kind: "table" | "select"; table: string; select: string };

export function sqlOf(source: Source): string {
  return source.kind === "table" ? source.table : source.select.trim();
}

export function SourceInput({ label, source, change, testId, hint, error }: { label: string; source: Source; change: (next: Source) => void; testId: string; /** what a SELECT is to give */ hint?: string; error?: string }) {
  const { t } = useTranslation();
  const tables = useQuery(tablesQuery).data;
  return (
    <Stack gap={6}>
      <SegmentedControl
        size="xs"
        aria-label={label}
        data={[{ value: "table", label: t("monitors.aTable") }, { value: "select", label: t("monitors.aSelect") }]}
        value={source.kind}
        onChange={(kind) => change({ ...source, kind: kind as Source["kind"] })}
        w="fit-content"
        data-testid={`${testId}-kind`}
      />
      {source.kind === "table" ? (
        <Select
          label={label}
          data={(tables ?? []).map((table) => table.name)}
          value={source.table || null}
          onChange={(table) => change({ ...source, table: table ?? "" })}
          searchable
          limit={100}
          placeholder={t("monitors.pickTable")}
          nothingFoundMessage={t("search.nothing")}
          error={error}
          data-testid={`${testId}-table`}
        />
      ) : (
        <Textarea
          label={label}
          description={hint ?? t("monitors.selectHint")}
          value={source.select}
          onChange={(event) => change({ ...source, select: event.currentTarget.value })}
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          error={error}
          classNames={{ input: "mono" }}
          data-testid={`${testId}-select`}
        />
      )}
    </Stack>
  );
}

const ASK_AFTER_MS = 600;

/** The columns of a source, or why there are none. Asks with no rows, so that it costs nothing. */
export function useColumns(source: Source): { columns: Column[] | undefined; error: unknown } {
  const sql = sqlOf(source);
  const [asked] = useDebouncedValue(sql, ASK_AFTER_MS);
  const found = useQuery({
    queryKey: ["columns", asked],
    queryFn: async () => {
      const from = /^\s*(select|with|from)\b/i.test(asked) ? `(${asked.replace(/;\s*$/, "")}) AS source` : asked;
      return (await take(api.POST("/api/sql", { body: { sql: `SELECT * FROM ${from} LIMIT 0`, rows_max: 1 } }))).columns;
    },
    enabled: Boolean(asked),
    retry: false,
    staleTime: 60_000,
  });
  const fresh = asked === sql && Boolean(sql);
  return { columns: fresh ? found.data : undefined, error: fresh ? found.error : null };
}
