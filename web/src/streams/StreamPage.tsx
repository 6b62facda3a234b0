/** One stream: its records as they arrive, how much flows, its shards and columns, and a way to put a record. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { CopyAsCode } from "../code/CopyAsCode";
import { putAndTail } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { Confirm } from "../page/Confirm";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { SystemMark } from "../page/SystemMark";
import { When } from "../page/When";
import { may } from "../session/me";
import { useKinesisEndpoint } from "../shell/status";
import { windowOver } from "../sql/examples";
import { type StreamDetail, streamQuery, streamsQuery } from "./data";
import { exampleOf } from "./example";
import { LiveTail } from "./LiveTail";
import { PutRecord } from "./PutRecord";
import { Schema } from "./Schema";
import { Shards } from "./Shards";
import { Throughput } from "./Throughput";

// The chart has a point per 5 s: asking more often shows nothing more.
const DETAIL_EVERY_MS = 5_000;

export function StreamPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: "/inside/streams/$name" });
  const listed = useQuery(streamsQuery).data?.find((one) => one.name === name);
  const stream = useQuery({ ...streamQuery(name), refetchInterval: DETAIL_EVERY_MS });
  const format = useFormat();
  const shown = stream.data ?? listed;
  const crumbs = useMemo(() => [{ label: t("streams.title"), link: { to: "/streams" as const } }], [t]);
  const broken = stream.data?.stream_shards.some((shard) => shard.problem);
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={
          <>
            {shown?.system ? <SystemMark /> : null}
            {broken ? <StatusWord state="broken" /> : null}
          </>
        }
        actions={stream.data ? <Actions stream={stream.data} /> : null}
        under={
          shown ? (
            <>
              <span className="figures" data-testid="stream-rate">
                {format.perSecond(shown.records_per_s)}
              </span>
              <span className="figures" data-testid="stream-records">
                {t("streams.records")}: {format.whole(shown.records)}
              </span>
              <span>
                {t("streams.shards")}: {format.whole(shown.shards)}
              </span>
              <span>
                {t("streams.retention")}: {t("streams.hours", { n: format.whole(shown.retention_h) })}
              </span>
              <span>
                {t("streams.lastArrival")}: <When atMs={shown.last_arrival_ms} />
              </span>
              <span>
                {t("list.owner")}: {shown.owner}
              </span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {stream.error && !stream.data ? (
        <ProblemCard error={stream.error} retry={() => void stream.refetch()} />
      ) : (
        <PageTabs
          tabs={[
            { id: "live", label: t("streams.tabTail"), body: () => <LiveTail key={name} name={name} mayPut={may(shown?.permission, "write")} /> },
            { id: "throughput", label: t("streams.tabThroughput"), body: () => <Throughput stream={stream.data} /> },
            { id: "shards", label: t("streams.tabShards"), count: shown ? format.whole(shown.shards) : null, body: () => <Shards stream={stream.data} /> },
            { id: "schema", label: t("streams.tabSchema"), body: () => <Schema stream={stream.data} /> },
            ...(may(shown?.permission, "write") ? [{ id: "put", label: t("streams.tabPut"), body: () => <PutRecord name={name} /> }] : []),
            ...(may(shown?.permission, "manage") ? [{ id: "access", label: t("streams.tabAccess"), body: () => <GrantsPanel kind="stream" name={name} /> }] : []),
          ]}
        />
      )}
    </>
  );
}

function Actions({ stream }: { stream: StreamDetail }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const kinesis = useKinesisEndpoint();
  const [deleting, setDeleting] = useState(false);
  const example = useMemo(() => exampleOf(stream), [stream]);
  return (
    <>
      <CopyAsCode recipes={putAndTail(stream.name, example, null, kinesis)} />
      <LinkButton to="/sql" search={{ mode: "standing", query: windowOver(stream.name, stream.columns) }} data-testid="stream-ask">
        {t("streams.ask")}
      </LinkButton>
      {may(stream.permission, "manage") && !stream.system ? (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="stream-more">
              <IconDots size={17} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)} data-testid="stream-delete">
              {t("streams.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : null}
      <Confirm
        opened={deleting}
        close={() => setDeleting(false)}
        title={t("streams.deleteTitle", { name: stream.name })}
        text={`${t("streams.deleteText", { n: format.whole(stream.records) })} ${t("confirm.cannotUndo")}`}
        typeName={stream.name}
        label={t("streams.delete")}
        act={async () => {
          await take(api.DELETE("/api/streams/{name}", { params: { path: { name: stream.name } } }));
          note(t("streams.deleted", { name: stream.name }));
          await navigate({ to: "/streams", replace: true });
          cache.removeQueries({ queryKey: ["stream", stream.name] });
          void cache.invalidateQueries({ queryKey: ["streams"] });
        }}
      />
    </>
  );
}
