/** The processes of the platform: a word for each, and what it takes. */
import { Skeleton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schemas } from "../api/client";
import { useFormat } from "../i18n/format";
import { Panel } from "../page/Panel";
import { StatusWord } from "../page/StatusWord";
import css from "./home.module.css";

export function Processes({ processes }: { processes: Schemas["ProcessState"][] | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const all = processes?.reduce((sum, one) => sum + (one.memory_bytes ?? 0), 0);
  return (
    <Panel title={t("home.processes")} right={all ? format.bytes(all) : null} flush testId="home-processes">
      {processes ? (
        <ul className={css.rows}>
          {processes.map((process) => (
            <li key={process.name} title={process.last_error ?? undefined}>
              <span className={css.process}>
                <span>{process.name}</span>
                {process.restarts > 0 ? (
                  <small>{t("home.restarts", { count: process.restarts, n: process.restarts })}</small>
                ) : null}
                {process.state === "failed" && process.last_error ? <small className={css.bad}>{process.last_error}</small> : null}
              </span>
              <StatusWord state={process.state} />
              <span className={css.number} title={process.cpu_s === null ? undefined : `${t("home.cpu")}: ${format.duration(process.cpu_s * 1000)}`}>
                {process.memory_bytes === null ? "–" : format.bytes(process.memory_bytes)}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <div className={css.skeletons}>
          <Skeleton height={14} width="80%" />
          <Skeleton height={14} width="70%" />
          <Skeleton height={14} width="75%" />
        </div>
      )}
    </Panel>
  );
}
