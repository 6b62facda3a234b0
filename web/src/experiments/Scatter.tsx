/** One column of runs against another. */
import { useComputedColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { OptionChart } from "../charts/OptionChart";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { fieldOf, type RunPage } from "./data";
import css from "./experiments.module.css";
import { FieldSelect } from "./FieldSelect";
import { firstNumeric, scatterOption } from "./options";
import { isNumeric } from "./values";

export function Scatter({ page }: { page: RunPage }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const patch = useUrlPatch();
  const dark = useComputedColorScheme("light") === "dark";
  const [xField] = useUrlState("x");
  const [yField] = useUrlState("y");
  const [metric] = useUrlState("metric");
  const numeric = useMemo(() => page.columns.filter(isNumeric), [page]);
  const found = (field: string | undefined) => numeric.find((column) => fieldOf(column) === field);
  const y = found(yField) ?? firstNumeric(numeric.filter((column) => column.kind === "metrics")) ?? numeric[0];
  const x = found(xField) ?? firstNumeric(numeric.filter((column) => column.kind === "params")) ?? firstNumeric(numeric, y && fieldOf(y));
  const by = found(metric) ?? y;
  const option = useMemo(() => (x && y ? scatterOption(page, x, y, by, format, dark) : null), [page, x, y, by, format, dark]);
  return (
    <Panel testId="compare-scatter">
      <div className={css.controls}>
        <p>{t("experiments.scatterText")}</p>
        <FieldSelect label={t("experiments.x")} columns={numeric} value={x && fieldOf(x)} choose={(field) => patch({ x: field })} testId="scatter-x" />
        <FieldSelect label={t("experiments.y")} columns={numeric} value={y && fieldOf(y)} choose={(field) => patch({ y: field })} testId="scatter-y" />
        <FieldSelect label={t("experiments.colourBy")} columns={numeric} value={by && fieldOf(by)} choose={(field) => patch({ metric: field })} />
      </div>
      {option ? (
        <OptionChart option={option} title={`${y?.name} / ${x?.name}`} height="max(380px, calc(100dvh - 370px))" press={(run) => void navigate({ to: "/runs/$id", params: { id: run } })} />
      ) : (
        <EmptyState small title={t("experiments.scatterNone")} />
      )}
    </Panel>
  );
}
