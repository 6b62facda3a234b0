/** The place to ask: an editor, and either rows at once or a query that is left standing. */
import { Button, Menu, SegmentedControl, Text } from "@mantine/core";
import { IconChevronDown, IconHistory, IconLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { runSql } from "../code/recipes";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { completionQuery } from "./data";
import type { EditorHandle, Mark } from "./Editor";
import { keepDraft, readDraft, recent, remember } from "./recent";
import { RunPanel } from "./RunPanel";
import { run, useRun } from "./run";
import css from "./sql.module.css";
import { StandingPanel } from "./StandingPanel";
import { offsetOf, placeOf, statementAt } from "./statements";

const Editor = lazy(() => import("./Editor"));

// Long enough for a page of SQL, short enough for every browser's and server's limit on addresses.
const SHARED_CHARS_MAX = 6_000;
export const ROWS_MAX_FIRST = 10_000;

export function SqlPage() {
  const { t } = useTranslation();
  const [shared, setShared] = useUrlState("query");
  const [mode] = useUrlState("mode");
  const patchUrl = useUrlPatch(true);
  const [text, setText] = useState(() => shared ?? readDraft());
  const [mark, setMark] = useState<Mark | null>(null);
  const editor = useRef<EditorHandle>(null);
  const lastRun = useRun();
  const known = useQuery(completionQuery).data;
  const standing = mode === "standing";

  // A link to other SQL while the page is open (from search, back or an example) replaces the text.
  const seen = useRef(shared);
  useEffect(() => {
    if (shared !== undefined && shared !== seen.current) {
      const draft = readDraft();
      if (draft !== shared) remember(draft);
      setText(shared);
      setMark(null);
    }
    seen.current = shared;
  }, [shared]);

  const change = (next: string) => {
    if (next === text) return;
    setText(next);
    setMark(null);
    keepDraft(next);
    if (shared !== undefined) {
      seen.current = undefined;
      setShared(undefined);
    }
  };

  const runNow = () => {
    if (standing) return;
    const target = editor.current?.target() ?? statementAt(text, text.length);
    if (!target) return;
    setMark(null);
    void run(target, ROWS_MAX_FIRST);
  };

  // An error of the last run is marked where it is, as long as the text is still what ran.
  useEffect(() => {
    if (standing || lastRun.state !== "failed") return;
    const { problem, statement } = lastRun;
    if (!problem.place || text.slice(statement.from, statement.from + statement.text.length) !== statement.text) return;
    setMark({ offset: offsetOf(statement, problem.place.line, problem.place.column), message: problem.message });
    // Only a new run marks; editing takes the mark away.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [lastRun, standing]);

  return (
    <div className={css.page}>
      <PageHeader
        title={t("sql.title")}
        actions={
          <>
            <SegmentedControl
              aria-label={t("sql.modeLabel")}
              value={standing ? "standing" : "once"}
              onChange={(next) => {
                setMark(null);
                patchUrl({ mode: next === "standing" ? "standing" : undefined });
              }}
              data={[
                { value: "once", label: t("sql.once") },
                { value: "standing", label: t("sql.leave") },
              ]}
              data-testid="sql-mode"
            />
            {standing ? null : <CopyAsCode recipes={runSql(text.trim() || "SELECT 1")} />}
          </>
        }
      />
      <div className={css.editor} data-standing={standing || undefined}>
        <Suspense fallback={<pre className={css.early}>{text}</pre>}>
          <Editor
            ref={editor}
            value={text}
            onChange={change}
            onRun={runNow}
            known={known}
            mark={mark}
            label={t("sql.editor")}
            hint={standing ? t("sql.checkEmpty") : "SELECT …"}
            autoFocus
          />
        </Suspense>
      </div>
      <div className={css.bar}>
        {standing ? null : <RunButton empty={!text.trim()} runNow={runNow} />}
        <RecentMenu pick={change} />
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          leftSection={<IconLink size={15} />}
          disabled={!text.trim() || text.length > SHARED_CHARS_MAX}
          onClick={() => {
            const url = new URL("/sql", window.location.origin);
            url.searchParams.set("query", text);
            if (standing) url.searchParams.set("mode", "standing");
            void navigator.clipboard.writeText(url.href).then(() => note(t("sql.linkCopied")));
          }}
        >
          {t("sql.shareLink")}
        </Button>
        {standing ? (
          <Text size="xs" c="dimmed" ml="auto" ta="right">
            {t("sql.standingText")}
          </Text>
        ) : null}
      </div>
      {standing ? (
        <StandingPanel sql={text} setMark={setMark} goTo={(offset) => editor.current?.goTo(offset)} />
      ) : (
        <RunPanel goTo={() => mark && editor.current?.goTo(mark.offset)} place={mark && placeOf(text, mark.offset)} known={known} pick={change} text={text} />
      )}
    </div>
  );
}

function RunButton({ empty, runNow }: { empty: boolean; runNow: () => void }) {
  const { t } = useTranslation();
  const running = useRun().state === "running";
  return (
    <Button size="xs" onClick={runNow} disabled={empty || running} title={t("sql.runHint")} rightSection={<kbd className={css.key}>Ctrl ↵</kbd>} data-testid="sql-run">
      {t("sql.run")}
    </Button>
  );
}

function RecentMenu({ pick }: { pick: (sql: string) => void }) {
  const { t } = useTranslation();
  const [list, setList] = useState<string[]>([]);
  return (
    <Menu position="bottom-start" width={460} onOpen={() => setList(recent())}>
      <Menu.Target>
        <Button size="xs" variant="subtle" color="gray" leftSection={<IconHistory size={15} />} rightSection={<IconChevronDown size={13} />} data-testid="sql-recent">
          {t("sql.recent")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
        {list.length === 0 ? <Menu.Label>{t("sql.noRecent")}</Menu.Label> : null}
        {list.map((sql) => (
          <Menu.Item key={sql} onClick={() => pick(sql)}>
            <span className={`mono cut`} title={sql}>
              {sql.replace(/\s+/g, " ")}
            </span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
