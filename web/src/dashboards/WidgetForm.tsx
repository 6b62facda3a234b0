/** One chart of a dashboard, being made: its SQL, how to draw it, and how that looks. */
import { Button, Group, MultiSelect, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { isNumeric } from "../grid/cell";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { completionQuery } from "../sql/data";
import css from "./dashboards.module.css";
import type { Widget } from "./data";
import { useWidgetRows } from "./rows";
import { WidgetCard } from "./WidgetCard";

const Editor = lazy(() => import("../sql/Editor"));
const TYPES = ["line", "bar", "counter", "table", "alerts"] as const;
const PREVIEW_AFTER_MS = 600;

export function WidgetForm({ widget, isNew, apply, cancel }: { widget: Widget; isNew: boolean; apply: (widget: Widget) => void; cancel: () => void }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(widget);
  const known = useQuery(completionQuery).data;
  const set = (patch: Partial<Widget>) => setDraft((old) => ({ ...old, ...patch }));
  const [sql] = useDebouncedValue(draft.sql, PREVIEW_AFTER_MS);
  const preview = useMemo<Widget>(() => ({ ...draft, sql, width: 1, height: 1, title: draft.title || t("dashboards.preview") }), [draft, sql, t]);
  const columns = useWidgetRows(draft.type === "alerts" ? null : sql).data?.columns ?? [];
  const names = columns.map((column) => column.name);
  const drawn = draft.type === "line" || draft.type === "bar";
  return (
    <>
      <PageHeader
        title={isNew ? t("dashboards.addWidget") : t("act.edit")}
        actions={
          <>
            <Button variant="default" onClick={cancel}>
              {t("act.cancel")}
            </Button>
            <Button onClick={() => apply({ ...draft, title: draft.title.trim() || t(`dashboards.kinds.${draft.type}`) })} disabled={draft.type !== "alerts" && !draft.sql?.trim()} data-testid="widget-apply">
              {t("dashboards.apply")}
            </Button>
          </>
        }
      />
      <div className={css.form}>
        <Panel>
          <Stack gap="sm">
            <TextInput label={t("dashboards.widgetTitle")} value={draft.title} onChange={(event) => set({ title: event.currentTarget.value })} autoFocus data-testid="widget-title" />
            <div>
              <Text size="sm" fw={500} mb={3}>
                {t("dashboards.widgetType")}
              </Text>
              <SegmentedControl
                aria-label={t("dashboards.widgetType")}
                value={draft.type}
                onChange={(next) => set({ type: next as Widget["type"] })}
                data={TYPES.map((value) => ({ value, label: t(`dashboards.kinds.${value}`) }))}
                data-testid="widget-type"
              />
            </div>
            {draft.type === "alerts" ? null : (
              <div>
                <Text size="sm" fw={500} mb={3}>
                  {t("dashboards.widgetSql")}
                </Text>
                <div className={css.formSql}>
                  <Suspense>
                    <Editor label={t("dashboards.widgetSql")} value={draft.sql ?? ""} onChange={(text) => set({ sql: text })} known={known} hint="SELECT …" />
                  </Suspense>
                </div>
              </div>
            )}
            {drawn ? (
              <Group grow align="start">
                <Select label={t("dashboards.widgetX")} data={names} value={draft.x ?? null} onChange={(x) => set({ x })} clearable placeholder={t("frame.auto")} />
                <MultiSelect
                  label={t("dashboards.widgetY")}
                  data={columns.filter(isNumeric).map((column) => column.name)}
                  value={draft.y ?? []}
                  onChange={(y) => set({ y })}
                />
                <Select label={t("dashboards.widgetSeries")} data={names} value={draft.series ?? null} onChange={(series) => set({ series })} clearable placeholder={t("sql.noSeries")} />
              </Group>
            ) : null}
            {draft.type === "counter" ? (
              <Select label={t("dashboards.widgetY")} data={columns.filter(isNumeric).map((column) => column.name)} value={draft.y?.[0] ?? null} onChange={(y) => set({ y: y ? [y] : [] })} clearable />
            ) : null}
            {drawn || draft.type === "counter" ? (
              <Group grow>
                <TextInput label={t("dashboards.widgetUnit")} value={draft.unit ?? ""} onChange={(event) => set({ unit: event.currentTarget.value || null })} placeholder="°C" />
                <NumberInput label={t("dashboards.widgetThreshold")} value={draft.threshold ?? ""} onChange={(value) => set({ threshold: typeof value === "number" ? value : null })} />
              </Group>
            ) : null}
            <Group grow>
              <Select
                label={t("dashboards.widgetWidth")}
                data={[1, 2, 3].map((n) => ({ value: String(n), label: t("dashboards.columnsWide", { count: n, n }) }))}
                value={String(draft.width ?? 1)}
                onChange={(next) => set({ width: Number(next) as 1 | 2 | 3 })}
                allowDeselect={false}
              />
              <Select
                label={t("dashboards.widgetHeight")}
                data={[
                  { value: "1", label: t("dashboards.low") },
                  { value: "2", label: t("dashboards.high") },
                ]}
                value={String(draft.height ?? 1)}
                onChange={(next) => set({ height: Number(next) as 1 | 2 })}
                allowDeselect={false}
              />
            </Group>
          </Stack>
        </Panel>
        <div className={css.preview}>
          <WidgetCard widget={preview} tools={<span />} />
        </div>
      </div>
    </>
  );
}
