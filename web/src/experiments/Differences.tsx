/** Runs side by side: a row a field, a column a run; what is equal steps back. */
import { Checkbox } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { StatusWord } from "../page/StatusWord";
import { useUrlState } from "../shell/urlState";
import { fieldOf, type RunPage, shortId } from "./data";
import css from "./experiments.module.css";
import { STATE } from "./state";
import { bestIndex, differs, shownValue } from "./values";

// More columns side by side are no longer read.
const SHOWN_MAX = 30;

export function Differences({ page }: { page: RunPage }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [view, setView] = useUrlState("view");
  const onlyDifferent = view === "different";
  const count = Math.min(page.runs.id.length, SHOWN_MAX);
  const columns = page.columns.map((column) => ({ ...column, values: column.values.slice(0, count) }));
  const kinds = (["metrics", "params", "tags"] as const).map((kind) => ({ kind, columns: columns.filter((column) => column.kind === kind && (!onlyDifferent || differs(column))) }));
  return (
    <>
      <div className={css.controls}>
        <Checkbox size="xs" label={t("experiments.onlyDifferent")} checked={onlyDifferent} onChange={(event) => setView(event.currentTarget.checked ? "different" : undefined)} data-testid="only-different" />
        <p>{page.runs.id.length > SHOWN_MAX ? t("experiments.diffFirst", { n: format.whole(SHOWN_MAX), all: format.whole(page.runs.id.length) }) : null}</p>
      </div>
      <div className={css.diffFrame} tabIndex={0} role="region" aria-label={t("experiments.differences")}>
        <table className={css.diff} data-testid="differences">
          <thead>
            <tr>
              <th scope="col">{t("experiments.field")}</th>
              {page.runs.id.slice(0, count).map((id, place) => (
                <th key={id} scope="col">
                  <Link to="/runs/$id" params={{ id }} className="cut thing" title={id}>
                    {page.runs.name[place] || shortId(id)}
                  </Link>
                  <StatusWord state={STATE[page.runs.status[place]!]} quiet />
                </th>
              ))}
            </tr>
          </thead>
          {kinds.map(({ kind, columns }) =>
            columns.length ? (
              <tbody key={kind}>
                <tr className={css.kind}>
                  <th scope="rowgroup" colSpan={count + 1}>
                    {t(`experiments.${kind}`)}
                  </th>
                </tr>
                {columns.map((column) => {
                  const best = bestIndex(column);
                  return (
                    <tr key={fieldOf(column)} data-equal={(count > 1 && !differs(column)) || undefined} data-testid="difference" data-name={fieldOf(column)}>
                      <th scope="row" title={fieldOf(column)}>
                        {column.name}
                      </th>
                      {column.values.map((value, place) => (
                        <td key={place} title={value === null ? undefined : String(value)} data-best={(place === best && differs(column)) || undefined}>
                          {shownValue(value, column.kind, format) || "–"}
                          {place === best && differs(column) ? <span className="unseen"> ({t("experiments.best")})</span> : null}
                        </td>
                      ))}
                    </tr>
                  );
                })}
              </tbody>
            ) : null,
          )}
        </table>
      </div>
      {onlyDifferent && kinds.every(({ columns }) => columns.length === 0) ? <p>{t("experiments.allEqual")}</p> : null}
    </>
  );
}
