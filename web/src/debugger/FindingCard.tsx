/** One finding: its cause in words and where it began; opened, the evidence, the remedy and the change of code. */
import { Collapse } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { useFormat } from "../i18n/format";
import { StatusWord } from "../page/StatusWord";
import css from "./debugger.module.css";
import type { Finding } from "./heat";
import { type Found, shownValue } from "./words";

export function FindingCard({ finding, number, found, open, toggle }: { finding: Finding; number: number; found: Found; open: boolean; toggle: () => void }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const id = useId();
  const language = i18n.language.startsWith("ko") ? "ko" : "en";
  const where = [
    finding.step == null ? null : t(found.unit === "round" ? "debugger.atRound" : "debugger.atStep", { n: format.whole(finding.step) }),
    finding.epoch == null ? null : t("debugger.epoch", { n: format.whole(finding.epoch) }),
    finding.layer ? t("debugger.layer", { name: finding.layer, interpolation: { escapeValue: false } }) : null,
  ].filter(Boolean);
  const symptoms = finding.explains.map((rule) => found.symptoms.find((one) => one.rule === rule)?.title[language] ?? rule);
  return (
    <li className={css.finding} data-open={open || undefined} data-testid="finding" data-rule={finding.rule}>
      <h3>
        <button type="button" aria-expanded={open} aria-controls={id} onClick={toggle}>
          <span className={css.number} data-severity={finding.severity} aria-hidden>
            {number}
          </span>
          <span className={css.cause}>
            <b>{finding.title[language]}</b>
            <span>
              <StatusWord state={finding.severity} quiet /> {where.length ? `· ${where.join(" · ")}` : ""}
            </span>
          </span>
          <IconChevronDown size={16} className={css.chevron} aria-hidden />
        </button>
      </h3>
      <Collapse expanded={open} id={id}>
        <div className={css.body}>
          <h4>{t("debugger.remedy")}</h4>
          <p data-testid="finding-remedy">{finding.remedy[language]}</p>
          {finding.change ? (
            <div className={css.change} data-testid="finding-change">
              <span data-side="before">− {t("debugger.before")}</span>
              <CodeBlock code={finding.change.before} language="python" label={t("debugger.before")} />
              <span data-side="after">+ {t("debugger.after")}</span>
              <CodeBlock code={finding.change.after} language="python" label={t("debugger.after")} />
            </div>
          ) : null}
          <div className={css.pairs}>
            <Pairs title={t("debugger.evidence")} values={finding.evidence} />
            <Pairs title={t("debugger.limit")} values={finding.thresholds} />
          </div>
          {symptoms.length ? (
            <>
              <h4>{t("debugger.explains")}</h4>
              <p>{symptoms.join(" · ")}</p>
            </>
          ) : null}
          <h4>{t("debugger.source")}</h4>
          <p className={css.source}>
            {finding.source} <span className="mono">({finding.rule})</span>
          </p>
        </div>
      </Collapse>
    </li>
  );
}

function Pairs({ title, values }: { title: string; values: Record<string, unknown> }) {
  const format = useFormat();
  const pairs = Object.entries(values);
  if (!pairs.length) return null;
  return (
    <div>
      <h4>{title}</h4>
      <dl>
        {pairs.map(([name, value]) => (
          <div key={name}>
            <dt>{name.replaceAll("_", " ")}</dt>
            <dd>{shownValue(value, format)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
