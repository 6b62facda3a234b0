/** Parallel coordinates of runs: parameters at the left, metrics at the right, coloured by one of them. */
import { MultiSelect, useComputedColorScheme } from "@mantine/core";
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
import { listIn } from "./Leaderboard";
import { AXES_MAX, axesOf, firstNumeric, parallelOption } from "./options";
import { isNumeric } from "./values";

export function Parallel({ page }: { page: RunPage }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const patch = useUrlPatch();
  const dark = useComputedColorScheme("light") === "dark";
  const [columnsText] = useUrlState("columns");
  const [metric] = useUrlState("metric");
  const usable = useMemo(() => axesOf(page), [page]);
  const asked = listIn(columnsText);
  const axes = useMemo(() => {
    const wanted = listIn(columnsText);
    if (wanted.length) return usable.filter((column) => wanted.includes(fieldOf(column)));
    const metrics = usable.filter((column) => column.kind === "metrics").slice(0, 3);
    return [...usable.filter((column) => column.kind === "params").slice(0, AXES_MAX - metrics.length), ...metrics];
  }, [usable, columnsText]);
  const numeric = usable.filter(isNumeric);
  const by = numeric.find((column) => fieldOf(column) === metric) ?? firstNumeric(usable.filter((column) => column.kind === "metrics")) ?? numeric[0];
  const option = useMemo(() => parallelOption(page, axes, by, format, dark), [page, axes, by, format, dark]);
  return (
    <Panel testId="compare-parallel">
      <div className={css.controls}>
        <p>{by ? t("experiments.parallelText", { metric: by.name }) : null}</p>
        <FieldSelect label={t("experiments.colourBy")} columns={numeric} value={by && fieldOf(by)} choose={(field) => patch({ metric: field })} testId="parallel-colour" />
        <MultiSelect
          size="xs"
          w={300}
          label={t("experiments.axes")}
          data={usable.map((column) => ({ value: fieldOf(column), label: column.name }))}
          value={asked.length ? asked : axes.map(fieldOf)}
          onChange={(fields) => patch({ columns: fields.join(",") || undefined })}
          maxValues={AXES_MAX}
          styles={{ pillsList: { maxHeight: 54, overflowY: "auto" } }}
          searchable
        />
      </div>
      {axes.length < 2 ? (
        <EmptyState small title={t("experiments.parallelNone")} />
      ) : (
        <OptionChart option={option} title={t("experiments.parallel")} height="max(380px, calc(100dvh - 370px))" press={(run) => void navigate({ to: "/runs/$id", params: { id: run } })} />
      )}
    </Panel>
  );
}
