/** A notebook to read: its texts, its code, and what the code gave when it ran. Nothing of it runs here. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Code } from "../code/CodeBlock";
import { EmptyState } from "../page/EmptyState";
import { type Output, readNotebook } from "./format";
import { Markdown } from "./Markdown";
import css from "./notebook.module.css";
import { SafeHtml } from "./SafeHtml";

// Lines of a cell that are shown before one asks for the rest: building blocks fill hundreds.
const LINES_SHOWN = 40;

export function Notebook({ text }: { text: string }) {
  const { t } = useTranslation();
  const notebook = useMemo(() => {
    try {
      return readNotebook(text);
    } catch {
      return null;
    }
  }, [text]);
  if (!notebook) return <EmptyState small title={t("notebook.unreadable")} text={t("notebook.unreadableText")} />;
  return (
    <div className={css.notebook} data-testid="notebook">
      {notebook.cells.map((cell, place) =>
        cell.kind === "markdown" ? (
          <div key={place} className={css.words} data-cell="markdown">
            <Markdown source={cell.source} />
          </div>
        ) : (
          <div key={place} className={css.cell} data-cell="code">
            <span className={css.count} aria-hidden>
              [{cell.count ?? " "}]
            </span>
            <div className={css.cellBody}>
              <Source source={cell.source} />
              {cell.outputs.map((output, number) => (
                <OutputView key={number} output={output} />
              ))}
            </div>
          </div>
        ),
      )}
    </div>
  );
}

function Source({ source }: { source: string }) {
  const { t } = useTranslation();
  const lines = source.split("\n").length;
  const code = (
    <pre className={css.source} tabIndex={0} aria-label={t("notebook.code")}>
      <Code code={source} language="python" />
    </pre>
  );
  if (lines <= LINES_SHOWN) return code;
  return (
    <details className={css.long}>
      <summary>{t("notebook.lines", { n: lines, first: source.split("\n", 1)[0]!.replace(/^#\s*/, "").slice(0, 90) })}</summary>
      {code}
    </details>
  );
}

function OutputView({ output }: { output: Output }) {
  const { t } = useTranslation();
  switch (output.kind) {
    case "image":
      return (
        <div className={css.picture}>
          <img src={output.src} alt={t("notebook.picture")} />
        </div>
      );
    case "html":
      return <SafeHtml html={output.text} />;
    case "markdown":
      return <Markdown source={output.text} />;
    default:
      return (
        <pre className={css.printed} data-error={output.kind === "error" || undefined} tabIndex={0}>
          {output.text}
        </pre>
      );
  }
}
