/** Ask the model from here: a field for each column of its signature, or the request's body; and label the answer. */
import { Button, Group, JsonInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { askEndpoint } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { JsonTree } from "../page/JsonTree";
import { note } from "../page/note";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { may } from "../session/me";
import { type Answer, type Endpoint, invoke } from "./data";
import css from "./endpoints.module.css";
import { exampleRow, valueOf } from "./state";

const FIELDS_MAX = 60;

export function TryIt({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation();
  const format = useFormat();
  const formFits = endpoint.columns.length > 0 && endpoint.columns.length <= FIELDS_MAX;
  const [view, setView] = useState<"form" | "json">(formFits ? "form" : "json");
  const [texts, setTexts] = useState<Record<string, string>>(() => Object.fromEntries(Object.entries(exampleRow(endpoint)).map(([name, value]) => [name, String(value)])));
  const row = Object.fromEntries(endpoint.columns.map(({ name, type }) => [name, valueOf(texts[name] ?? "", type)]));
  const [json, setJson] = useState("");
  const [deployment, setDeployment] = useState<string | null>(null);
  const body = view === "form" ? JSON.stringify({ dataframe_records: [row] }) : json;
  const ask = useMutation({ mutationFn: () => invoke(endpoint.name, body, crypto.randomUUID(), deployment) });
  return (
    <div className={css.two}>
      <Panel
        title={t("endpoints.request")}
        right={
          formFits ? (
            <SegmentedControl
              size="xs"
              data={[{ value: "form", label: t("monitors.form") }, { value: "json", label: "JSON" }]}
              value={view}
              onChange={(next) => {
                if (next === "json") setJson(JSON.stringify({ dataframe_records: [row] }, null, 2));
                setView(next as "form" | "json");
              }}
            />
          ) : null
        }
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask.mutate();
          }}
        >
          <Stack gap="sm">
            {view === "form" ? (
              <div className={css.fields}>
                {endpoint.columns.map(({ name, type }) =>
                  type.startsWith("BOOLEAN") ? (
                    <Select key={name} label={name} data={["true", "false"]} value={texts[name] || null} onChange={(next) => setTexts({ ...texts, [name]: next ?? "" })} data-testid={`field-${name}`} />
                  ) : (
                    <TextInput key={name} label={name} description={type} inputWrapperOrder={["label", "input", "description"]} value={texts[name] ?? ""} onChange={(event) => setTexts({ ...texts, [name]: event.currentTarget.value })} spellCheck={false} data-testid={`field-${name}`} />
                  ),
                )}
              </div>
            ) : (
              <JsonInput label={t("endpoints.body")} description={endpoint.columns.length ? undefined : t("endpoints.noSignature")} value={json} onChange={setJson} autosize minRows={8} maxRows={20} classNames={{ input: "mono" }} placeholder='{"instances": [[1.0, 2.0]]}' data-testid="ask-body" />
            )}
            <Group justify="space-between" align="end">
              <Select label={t("endpoints.askWhich")} data={endpoint.deployments.map((one) => one.deployment)} value={deployment} onChange={setDeployment} placeholder={t("endpoints.byWeight")} clearable w={240} />
              <Button type="submit" loading={ask.isPending} disabled={!body.trim()} data-testid="ask">
                {t("endpoints.ask")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Panel>
      <Stack>
        <Panel title={t("endpoints.answer")} right={ask.data ? <span className="figures">{format.duration(ask.data.tookMs)}</span> : null}>
          {ask.error ? (
            <ProblemCard error={ask.error} compact />
          ) : ask.data ? (
            <Stack gap="sm">
              <div data-testid="answer">
                <JsonTree value={ask.data.predictions} />
              </div>
              {ask.data.deployment ? (
                <Text size="xs" c="dimmed">
                  {t("endpoints.answeredBy", { deployment: ask.data.deployment })}
                </Text>
              ) : null}
              {endpoint.capture && may(endpoint.permission, "write") ? <Label key={ask.data.requestId} endpoint={endpoint} answer={ask.data} /> : null}
            </Stack>
          ) : (
            <Text size="sm" c="dimmed">
              {t("endpoints.answerHere")}
            </Text>
          )}
        </Panel>
        <Panel title={t("endpoints.fromCode")}>
          <RecipeTabs recipes={askEndpoint(endpoint.name, endpoint.columns.length ? row : null)} />
        </Panel>
      </Stack>
    </div>
  );
}

/** Say what was right for a request. */
function Label({ endpoint, answer }: { endpoint: Endpoint; answer: Answer }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const say = useMutation({
    mutationFn: () => {
      const number = Number(text);
      const value: unknown = text.trim() !== "" && !Number.isNaN(number) ? number : text;
      return take(api.POST("/api/endpoints/{name}/labels", { params: { path: { name: endpoint.name } }, body: { labels: { [answer.requestId]: value } } }));
    },
    onSuccess: () => note(t("endpoints.labelled")),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        say.mutate();
      }}
    >
      <Group gap="xs" align="end">
        <TextInput label={t("endpoints.label")} description={t("endpoints.labelHint")} value={text} onChange={(event) => setText(event.currentTarget.value)} w={260} data-testid="label" />
        <Button type="submit" variant="default" loading={say.isPending} disabled={!text.trim() || say.isSuccess} data-testid="label-say">
          {say.isSuccess ? t("act.done") : t("endpoints.say")}
        </Button>
      </Group>
      {say.error ? <ProblemCard error={say.error} compact /> : null}
    </form>
  );
}
