/** Choose one column of runs: metrics and parameters in groups. */
import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { fieldOf, type RunColumn } from "./data";

export function FieldSelect({ label, columns, value, choose, testId }: {
  label: string;
  columns: RunColumn[];
  value: string | undefined;
  choose: (field: string | undefined) => void;
  testId?: string;
}) {
  const { t } = useTranslation();
  const data = (["metrics", "params", "tags"] as const).flatMap((kind) => {
    const items = columns.filter((column) => column.kind === kind).map((column) => ({ value: fieldOf(column), label: column.name }));
    return items.length ? [{ group: t(`experiments.${kind}`), items }] : [];
  });
  return <Select size="xs" w={210} label={label} data={data} value={value ?? null} onChange={(field) => choose(field ?? undefined)} searchable allowDeselect={false} data-testid={testId} />;
}
