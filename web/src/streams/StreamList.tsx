/** All streams that the reader may see, with what flows through them now. */
import { IconPlus, IconWaveSine } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { createStream } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { SystemMark } from "../page/SystemMark";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { useKinesisEndpoint } from "../shell/status";
import { streamsQuery } from "./data";

export function StreamList() {
  const { t } = useTranslation();
  const format = useFormat();
  const mayMake = useMayMake();
  const kinesis = useKinesisEndpoint();
  const streams = useQuery(streamsQuery);
  const create = (testId: string) => (
    <LinkButton to="/streams/new" leftSection={<IconPlus size={16} />} data-testid={testId}>
      {t("streams.create")}
    </LinkButton>
  );
  return (
    <>
      <PageHeader
        title={t("streams.title")}
        actions={
          <>
            <CopyAsCode recipes={createStream("sensors", 1, kinesis)} />
            {mayMake ? create("stream-create") : null}
          </>
        }
      />
      <ThingList
        label={t("streams.title")}
        rows={streams.data}
        error={streams.error}
        retry={() => void streams.refetch()}
        rowKey={(stream) => stream.name}
        searchText={(stream) => `${stream.name} ${stream.owner}`}
        empty={
          <EmptyState icon={<IconWaveSine size={40} stroke={1.3} />} title={t("streams.emptyTitle")} text={t("streams.emptyText")}>
            {mayMake ? create("stream-create-first") : null}
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (stream) => stream.name,
            cell: (stream) => (
              <span style={{ display: "flex", gap: 8, alignItems: "center" }}>
                <Link to="/streams/$name" params={{ name: stream.name }} className="cut thing" title={stream.name} data-row-link>
                  {stream.name}
                </Link>
                {stream.system ? <SystemMark /> : null}
              </span>
            ),
          },
          { id: "rate", header: t("streams.rate"), numeric: true, width: 110, order: (stream) => stream.records_per_s, cell: (stream) => format.perSecond(stream.records_per_s) },
          { id: "records", header: t("streams.records"), numeric: true, width: 120, order: (stream) => stream.records, cell: (stream) => format.compact(stream.records) },
          { id: "bytes", header: t("streams.size"), numeric: true, width: 100, wideOnly: true, order: (stream) => stream.bytes, cell: (stream) => format.bytes(stream.bytes) },
          { id: "shards", header: t("streams.shards"), numeric: true, width: 84, order: (stream) => stream.shards, cell: (stream) => format.whole(stream.shards) },
          { id: "retention", header: t("streams.retention"), numeric: true, width: 92, wideOnly: true, order: (stream) => stream.retention_h, cell: (stream) => t("streams.hours", { n: format.whole(stream.retention_h) }) },
          { id: "arrival", header: t("streams.lastArrival"), width: 130, order: (stream) => stream.last_arrival_ms, cell: (stream) => <When atMs={stream.last_arrival_ms} /> },
          { id: "owner", header: t("list.owner"), width: 120, wideOnly: true, order: (stream) => stream.owner, cell: (stream) => stream.owner },
        ]}
      />
    </>
  );
}
