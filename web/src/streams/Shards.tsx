/** The shards of a stream: what each holds and takes. Pressing one shows its records live. */
import { Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import type { StreamDetail } from "./data";
import css from "./streams.module.css";

const HASHES = 2n ** 128n;

export function Shards({ stream }: { stream: StreamDetail | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <SmallTable
      label={t("streams.tabShards")}
      rows={stream?.stream_shards}
      rowKey={(shard) => shard.id}
      empty={null}
      columns={[
        {
          id: "id",
          header: t("streams.shard"),
          cell: (shard) => (
            <>
              <Link to="." search={{ tab: "live", shard: shard.id }} className="mono">
                {shard.id}
              </Link>
              {shard.problem ? (
                <Text size="xs" c="var(--bad)" mt={2}>
                  {shard.problem}
                </Text>
              ) : null}
            </>
          ),
        },
        { id: "state", header: t("queries.status"), cell: (shard) => <StatusWord state={shard.problem ? "broken" : shard.open ? "open" : "closed"} /> },
        {
          id: "share",
          header: <span title={t("streams.hashRange")}>{t("streams.share")}</span>,
          numeric: true,
          cell: (shard) => {
            const share = Number(((BigInt(shard.hash_end) - BigInt(shard.hash_start) + 1n) * 1000n) / HASHES) / 10;
            return <span title={`${shard.hash_start} – ${shard.hash_end}`}>{format.figures(share)} %</span>;
          },
        },
        { id: "rate", header: t("streams.rate"), numeric: true, cell: (shard) => format.perSecond(shard.records_per_s) },
        { id: "records", header: t("streams.records"), numeric: true, cell: (shard) => format.whole(shard.records) },
        { id: "bytes", header: t("streams.size"), numeric: true, cell: (shard) => format.bytes(shard.bytes) },
        { id: "last", header: t("streams.lastArrival"), cell: (shard) => <When atMs={shard.last_arrival_ms} /> },
        {
          id: "sequences",
          header: `${t("streams.sequence")}: ${t("streams.firstSequence")} – ${t("streams.lastSequence")}`,
          cell: (shard) => (
            <span className={css.sequences}>
              {shard.first_sequence ?? "–"}
              <br />
              {shard.last_sequence ?? "–"}
            </span>
          ),
        },
      ]}
    />
  );
}
