/** Leave the SQL standing: what it would do, then its name, where it writes and whom it tells. */
import { Button, Group, Loader, Stack, Switch, TagsInput, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconCircleCheck } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { CopyAsCode } from "../code/CopyAsCode";
import { standingQuery } from "../code/recipes";
import { ColumnTable } from "../page/ColumnTable";
import { note } from "../page/note";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { destinationsQuery } from "../queries/data";
import { useMayMake } from "../session/me";
import { useUrlState } from "../shell/urlState";
import type { Mark } from "./Editor";
import { remember } from "./recent";
import css from "./sql.module.css";
import { offsetOf } from "./statements";

const CHECK_AFTER_MS = 450;
// Nothing is wrong with the text yet: the reader has only not said where it writes.
const NO_SINK = "sql.no_sink";
const NAME = /^[A-Za-z0-9_가-힣.-]+$/;

export function StandingPanel({ sql, setMark, goTo }: { sql: string; setMark: (mark: Mark | null) => void; goTo: (offset: number) => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const [name = "", setName] = useUrlState("name");
  const [into, setInto] = useState("");
  const [alerting, setAlerting] = useState(false);
  const [when, setWhen] = useState("");
  const [key, setKey] = useState<string[]>([]);
  const [notify, setNotify] = useState<string[]>(["log"]);
  const destinations = useQuery(destinationsQuery).data ?? [];
  const alert: Schemas["NewQuery"]["alert"] = alerting ? { when: when.trim() || null, key: key.length ? key : null, notify } : null;
  const namedInSql = /\binsert\s+into\b/i.test(sql);
  const body = { sql, into: namedInSql ? null : into.trim() || null, alert };

  const [asked] = useDebouncedValue(JSON.stringify(body), CHECK_AFTER_MS);
  const check = useQuery({
    queryKey: ["check", asked],
    queryFn: () => take(api.POST("/api/queries/check", { body: JSON.parse(asked) as Schemas["QueryCheckRequest"] })),
    enabled: Boolean((JSON.parse(asked) as { sql: string }).sql.trim()),
    retry: false,
    staleTime: 30_000,
    // The last plan stays while the next is looked at.
    placeholderData: (old: Schemas["QueryCheck"] | undefined) => old,
  });
  const fresh = asked === JSON.stringify(body);
  const checked = check.error ? undefined : check.data;
  const create = useMutation({
    mutationFn: () => take(api.POST("/api/queries", { body: { name: name.trim(), ...body, start: true, checkpoint_s: 5 } })),
    onSuccess: async (query) => {
      remember(sql);
      cache.setQueryData(["query", query.name], query);
      void cache.invalidateQueries({ queryKey: ["queries"] });
      note(t("sql.started", { name: query.name }));
      await navigate({ to: "/queries/$name", params: { name: query.name } });
    },
  });
  const problem = create.error ? asProblem(create.error) : check.error && fresh ? asProblem(check.error) : null;
  const place = problem?.place && problem.code !== NO_SINK ? offsetOf({ from: 0, text: sql }, problem.place.line, problem.place.column) : null;
  const message = problem?.message ?? "";
  useEffect(() => {
    setMark(place === null ? null : { offset: place, message });
  }, [place, message, setMark]);

  const badName = name !== "" && !NAME.test(name);
  return (
    <div className={css.standing}>
      <Panel>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <Stack gap="sm">
            <TextInput
              label={t("sql.queryName")}
              description={t("sql.queryNameHint")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={badName ? t("sql.queryNameHint") : undefined}
              maxLength={128}
              spellCheck={false}
              data-testid="query-name"
            />
            <TextInput
              label={t("sql.into")}
              description={namedInSql ? t("sql.intoFromSql") : t("sql.intoHint")}
              value={namedInSql ? (checked?.into ?? "") : into}
              onChange={(event) => setInto(event.currentTarget.value)}
              disabled={namedInSql}
              spellCheck={false}
              data-testid="query-into"
            />
            <Switch
              label={t("sql.alert")}
              description={t("sql.alertHint")}
              checked={alerting}
              onChange={(event) => setAlerting(event.currentTarget.checked)}
              data-testid="query-alert"
            />
            {alerting ? (
              <Stack gap="sm" className={css.alert}>
                <TextInput
                  label={t("sql.when")}
                  description={t("sql.whenHint")}
                  placeholder="max_temperature > 90"
                  value={when}
                  onChange={(event) => setWhen(event.currentTarget.value)}
                  classNames={{ input: "mono" }}
                  data-testid="query-alert-when"
                />
                <TagsInput
                  label={t("sql.alertKey")}
                  description={t("sql.alertKeyHint")}
                  value={key}
                  onChange={setKey}
                  data={(checked?.columns ?? []).map((column) => column.name)}
                  data-testid="query-alert-key"
                />
                <TagsInput
                  label={t("sql.notify")}
                  description={t("sql.notifyHint")}
                  value={notify}
                  onChange={setNotify}
                  data={["log", ...destinations.map((one) => one.name)]}
                  data-testid="query-alert-notify"
                />
              </Stack>
            ) : null}
            {create.error && !place ? <ProblemCard error={create.error} compact /> : null}
            <Group justify="flex-end" gap="xs">
              <CopyAsCode recipes={standingQuery(name || "name", sql.trim() || "SELECT …", body.into, alert)} />
              {mayMake ? (
                <Button type="submit" loading={create.isPending} disabled={!sql.trim() || !name.trim() || badName || (!into.trim() && !namedInSql)} data-testid="query-start">
                  {t("sql.startStanding")}
                </Button>
              ) : null}
            </Group>
          </Stack>
        </form>
      </Panel>
      <Check sql={sql} problem={problem} place={place} goTo={goTo} check={checked} busy={check.isFetching || !fresh} />
    </div>
  );
}

function Check({ sql, problem, place, goTo, check, busy }: {
  sql: string;
  problem: Problem | null;
  place: number | null;
  goTo: (offset: number) => void;
  check: Schemas["QueryCheck"] | undefined;
  busy: boolean;
}) {
  const { t } = useTranslation();
  if (!sql.trim()) {
    return (
      <Panel>
        <Text size="sm" c="dimmed">
          {t("sql.checkEmpty")}
        </Text>
      </Panel>
    );
  }
  if (problem?.code === NO_SINK) {
    return (
      <Panel>
        <Text size="sm" c="dimmed">
          {t("sql.checkNoSink")}
        </Text>
      </Panel>
    );
  }
  if (problem) {
    return (
      <ProblemCard error={problem}>
        {place !== null && problem.place ? (
          <Button size="xs" variant="default" mt={8} onClick={() => goTo(place)}>
            {t("sql.fix")}: {t("problem.place", problem.place)}
          </Button>
        ) : null}
      </ProblemCard>
    );
  }
  return (
    <Panel
      title={t("sql.plan")}
      right={
        busy ? (
          <>
            <Loader size={12} /> {t("sql.checking")}
          </>
        ) : check ? (
          <span className={css.ok} data-testid="check-ok">
            <IconCircleCheck size={15} aria-hidden /> {t("sql.checkOk")}
          </span>
        ) : null
      }
      testId="query-check"
      flush
    >
      {check ? (
        <>
          <Plan text={check.plan} />
          <Text size="xs" fw={600} px={14} pt={4} pb={4}>
            {t("sql.columns")}
          </Text>
          <ColumnTable bare columns={check.columns} empty={null} />
        </>
      ) : null}
    </Panel>
  );
}

/** The plan, in the data's order: the server prints it from the sink down, each step indented under what takes its rows. */
function Plan({ text }: { text: string }) {
  const lines = text.split("\n").filter((line) => line.trim());
  const indents = lines.map((line) => line.length - line.trimStart().length);
  const isTree = indents.length > 1 && indents.every((indent, index) => index === 0 || indent > indents[index - 1]!);
  // A plan that branches has no single order: it is shown as it is.
  if (!isTree && indents.some((indent) => indent > 0)) return <pre className={css.planText}>{text}</pre>;
  return (
    <ol className={css.plan}>
      {(isTree ? [...lines].reverse() : lines).map((line, index) => (
        <li key={index}>{line.trim().replace(/^(└─|->|-)\s*/, "")}</li>
      ))}
    </ol>
  );
}
