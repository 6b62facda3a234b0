/** A piece of code to read and to take along. */
import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import css from "./code.module.css";
import { type CodeLanguage, highlight } from "./highlight";

export function CodeBlock({ code, language, label, testId }: { code: string; language: CodeLanguage; label?: string; testId?: string }) {
  return (
    <div className={css.block}>
      {/* A scrolling region must be reachable by keyboard. */}
      <pre className={css.pre} tabIndex={0} aria-label={label} data-testid={testId}>
        <Code code={code} language={language} />
      </pre>
      <div className={css.copy}>
        <Copy text={code} />
      </div>
    </div>
  );
}

export function Code({ code, language }: { code: string; language: CodeLanguage }) {
  const pieces = useMemo(() => highlight(code, language), [code, language]);
  return (
    <code>
      {pieces.map((piece, index) => (
        <span key={index} className={css[piece.kind]}>
          {piece.text}
        </span>
      ))}
    </code>
  );
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t("act.copied") : (label ?? t("act.copy"))}>
          <ActionIcon onClick={copy} aria-label={label ?? t("act.copy")} size="sm">
            {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}
