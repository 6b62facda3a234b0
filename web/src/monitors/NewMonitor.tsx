/** Make a monitor: the rows to watch, their time, what the model said and what was true, and what is normal. */
import { Autocomplete, Button, Group, NumberInput, SegmentedControl, Select, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { makeMonitor } from "../code/recipes";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { destinationsQuery } from "../queries/data";
import css from "./monitors.module.css";
import { type Source, SourceInput, sqlOf, useColumns } from "./SourceInput";

const NAME = /^[A-Za-z0-9_-]+$/;
const UNITS_S = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };
type Unit = keyof typeof UNITS_S;
const EVERY_S_MIN = 5;

type Baseline = "own" | "other" | "later";

export function NewMonitor() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const asked = useSearch({ strict: false });
  const destinations = useQuery(destinationsQuery).data ?? [];
  const [source, setSource] = useState<Source>({ kind: asked.query ? "select" : "table", table: asked.table ?? "", select: asked.query ?? "" });
  const [typedName, setName] = useState<string | null>(asked.name ?? null);
  const [typedTime, setTime] = useState<string | null>(null);
  const [prediction, setPrediction] = useState(asked.prediction ?? "");
  const [target, setTarget] = useState(asked.target ?? "");
  const [every, setEvery] = useState<number>(5);
  const [unit, setUnit] = useState<Unit>("minutes");
  const [rowsMin, setRowsMin] = useState<number>(100);
  const [notify, setNotify] = useState<string[]>(["log"]);
  const [since, setSince] = useState<"now" | "first">("now");
  const [baseline, setBaseline] = useState<Baseline>("own");
  const [normal, setNormal] = useState<Source>({ kind: "table", table: "", select: "" });

  const { columns, error } = useColumns(source);
  const names = (columns ?? []).map((column) => column.name);
  const times = (columns ?? []).filter((column) => column.type.startsWith("TIMESTAMP")).map((column) => column.name);
  const time = typedTime ?? times[0] ?? "";
  // Named after its table until somebody types a name.
  const name = typedName ?? (source.kind === "table" ? source.table.replace(/^.*\./, "").replace(/[^A-Za-z0-9_-]/g, "_") : "");
  const wrong = name !== "" && !NAME.test(name);
  const everyS = every * UNITS_S[unit];
  // What is normal must not be watched too.
  const fromNow = baseline === "own" || since === "now";

  const body = (): Schemas["NewMonitor"] => ({
    name, source: sqlOf(source), time_column: time, prediction: prediction || null, target: target || null, task: "auto", every_s: everyS,
    rows_min: rowsMin, rows_max: Math.max(50_000, rowsMin), notify, running: true, endpoint: asked.endpoint ?? null,
    since: fromNow ? new Date().toISOString().replace("T", " ").replace("Z", "000") : "",
  });
  const create = useMutation({
    mutationFn: async () => {
      await take(api.POST("/api/monitors", { body: body() }));
      if (baseline === "later") return null;
      return take(api.POST("/api/monitors/{name}/learn", { params: { path: { name } }, body: { sql: baseline === "own" ? null : sqlOf(normal) } }));
    },
    onSuccess: async (task) => {
      void cache.invalidateQueries({ queryKey: ["monitors"] });
      note(t("monitors.createdNote", { name }));
      await navigate({ to: "/monitors/$name", params: { name }, search: task ? { task: task.id } : {}, replace: true });
    },
  });
  const ready = name && !wrong && sqlOf(source) && time && everyS >= EVERY_S_MIN && (baseline !== "other" || sqlOf(normal));
  return (
    <>
      <PageHeader title={t("monitors.newTitle")} crumbs={[{ label: t("monitors.title"), link: { to: "/monitors" } }]} />
      <form
        className={css.two}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) create.mutate();
        }}
      >
        <Stack>
          <Panel title={t("monitors.whatToWatch")}>
            <Stack gap="sm">
              <SourceInput label={t("monitors.field")} source={source} change={setSource} testId="source" />
              {error ? <ProblemCard error={error} compact /> : null}
              <Select
                label={t("monitors.timeColumn")}
                description={columns && times.length === 0 ? t("monitors.noTime") : t("monitors.timeColumnHint")}
                data={times}
                value={time || null}
                onChange={setTime}
                disabled={times.length === 0}
                data-testid="monitor-time"
              />
              <Group grow align="start">
                <Autocomplete label={t("monitors.prediction")} description={t("monitors.predictionHint")} data={names} value={prediction} onChange={setPrediction} data-testid="monitor-prediction" />
                <Autocomplete label={t("monitors.target")} description={t("monitors.targetHint")} data={names} value={target} onChange={setTarget} data-testid="monitor-target" />
              </Group>
              <TextInput label={t("list.name")} description={t("monitors.nameHint")} value={name} onChange={(event) => setName(event.currentTarget.value)} error={wrong ? t("monitors.nameHint") : undefined} maxLength={100} spellCheck={false} data-testid="monitor-name" />
            </Stack>
          </Panel>
          <Panel title={t("monitors.whatIsNormal")}>
            <Stack gap="sm">
              <SegmentedControl
                data={(["own", "other", "later"] as const).map((value) => ({ value, label: t(`monitors.baselines.${value}`) }))}
                value={baseline}
                onChange={(next) => setBaseline(next as Baseline)}
                data-testid="monitor-baseline"
              />
              <Text size="xs" c="dimmed">
                {t(`monitors.baselineHints.${baseline}`)}
              </Text>
              {baseline === "other" ? <SourceInput label={t("monitors.baselineRows")} source={normal} change={setNormal} testId="baseline" /> : null}
              {baseline === "own" ? null : (
                <SegmentedControl size="xs" w="fit-content" aria-label={t("monitors.since")} data={[{ value: "now", label: t("monitors.sinceNow") }, { value: "first", label: t("monitors.sinceFirst") }]} value={since} onChange={(next) => setSince(next as "now" | "first")} />
              )}
            </Stack>
          </Panel>
        </Stack>
        <Stack>
          <Panel title={t("monitors.whenAndWhom")}>
            <Stack gap="sm">
              <Group align="end" gap="xs" wrap="nowrap" grow>
                <NumberInput label={t("monitors.every")} value={every} onChange={(next) => setEvery(Number(next) || 0)} min={1} allowDecimal={false} error={everyS < EVERY_S_MIN ? t("monitors.everyMin") : undefined} data-testid="monitor-every" />
                <Select aria-label={t("monitors.unitOfTime")} data={(Object.keys(UNITS_S) as Unit[]).map((value) => ({ value, label: t(`monitors.units.${value}`) }))} value={unit} onChange={(next) => setUnit(next as Unit)} allowDeselect={false} data-testid="monitor-unit" />
              </Group>
              <NumberInput label={t("monitors.rowsMin")} description={t("monitors.rowsMinHint")} value={rowsMin} onChange={(next) => setRowsMin(Number(next) || 100)} min={20} max={1_000_000} allowDecimal={false} thousandSeparator="," data-testid="monitor-rows" />
              <TagsInput label={t("sql.notify")} description={t("monitors.notifyHint")} value={notify} onChange={setNotify} data={["log", ...destinations.map((one) => one.name)]} data-testid="monitor-notify" />
              {create.error ? <ProblemCard error={create.error} compact /> : null}
              <Group justify="flex-end" gap="xs">
                <LinkButton to="/monitors" variant="default">
                  {t("act.cancel")}
                </LinkButton>
                <Button type="submit" loading={create.isPending} disabled={!ready} data-testid="monitor-submit">
                  {t("monitors.create")}
                </Button>
              </Group>
            </Stack>
          </Panel>
          <Panel title={t("code.copyAs")}>
            <RecipeTabs recipes={makeMonitor(body(), baseline === "later" ? undefined : baseline === "own" ? null : sqlOf(normal))} />
          </Panel>
        </Stack>
      </form>
    </>
  );
}
