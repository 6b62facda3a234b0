/** Records as they arrive, newest first: pause, filter, and look inside one. */
import { Button, Group, TextInput } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { useUrlState } from "../shell/urlState";
import type { StreamRecord } from "./data";
import { RecordDetail } from "./RecordDetail";
import css from "./streams.module.css";
import { keyOf, useTail } from "./tail";

const ROW_PX = 30;

export function LiveTail({ name, mayPut }: { name: string; mayPut: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [paused, setPaused] = useState(false);
  const [q = "", setQ] = useUrlState("q");
  const [shard, setShard] = useUrlState("shard");
  const [open, setOpen] = useState<string | null>(null);
  const { tail, clear } = useTail(name, paused);
  const needle = useDeferredValue(q).trim().toLowerCase();
  const shown = useMemo(
    () =>
      tail.records.filter(
        (record) => (!shard || record.shard === shard) && (!needle || `${record.key} ${textOf(record)}`.toLowerCase().includes(needle)),
      ),
    [tail.records, needle, shard],
  );
  return (
    <div className={css.tail}>
      <div className={css.tailBar}>
        <Button
          size="xs"
          variant={paused ? "filled" : "default"}
          leftSection={paused ? <IconPlayerPlay size={15} /> : <IconPlayerPause size={15} />}
          onClick={() => setPaused(!paused)}
          data-testid="tail-pause"
        >
          {paused ? t("streams.resume") : t("streams.pause")}
        </Button>
        <TextInput
          size="xs"
          type="search"
          className={css.tailFilter}
          leftSection={<IconSearch size={15} />}
          placeholder={t("streams.tailFilter")}
          aria-label={t("streams.tailFilter")}
          value={q}
          onChange={(event) => setQ(event.currentTarget.value)}
          data-testid="tail-filter"
        />
        {shard ? (
          <Button size="xs" variant="light" onClick={() => setShard(undefined)} title={t("list.clear")}>
            {shortShard(shard)} ×
          </Button>
        ) : null}
        <span className={css.tailNote} role="status">
          {tail.lost
            ? t("streams.tailLost")
            : paused
              ? t("streams.paused", { n: format.whole(tail.waiting) })
              : t("streams.tailShown", { n: format.whole(shown.length) })}
        </span>
        <Button size="xs" variant="subtle" color="gray" onClick={clear} ml="auto">
          {t("streams.clearTail")}
        </Button>
      </div>
      {shown.length === 0 ? (
        tail.records.length > 0 ? (
          <EmptyState small title={t("streams.tailNoMatch", { q: q || (shard ?? "") })} />
        ) : (
          <EmptyState small title={t("streams.tailEmpty")} text={t("streams.tailEmptyText")}>
            {mayPut ? (
              <LinkButton to="." search={{ tab: "put" }} variant="default" size="xs">
                {t("streams.tabPut")}
              </LinkButton>
            ) : null}
          </EmptyState>
        )
      ) : (
        <TailRows records={shown} open={open} setOpen={setOpen} hold={() => setPaused(true)} />
      )}
    </div>
  );
}

function TailRows({ records, open, setOpen, hold }: {
  records: StreamRecord[];
  open: string | null;
  setOpen: (key: string | null) => void;
  hold: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: records.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => keyOf(records[index]!),
    overscan: 12,
  });
  const scrolled = useRef(false);
  useEffect(() => {
    // Who has scrolled down is reading: what arrives above must not push it away.
    const element = box.current;
    const onScroll = () => {
      const away = (element?.scrollTop ?? 0) > 60;
      if (away && !scrolled.current) hold();
      scrolled.current = away;
    };
    element?.addEventListener("scroll", onScroll, { passive: true });
    return () => element?.removeEventListener("scroll", onScroll);
  }, [hold]);
  return (
    <>
      <div className={css.tailHead} aria-hidden>
        <span>{t("streams.arrived")}</span>
        <span>{t("streams.shard")}</span>
        <span>{t("streams.key")}</span>
        <span>{t("streams.data")}</span>
      </div>
      <div className={css.tailBody} ref={box} role="list" aria-label={t("streams.tabTail")} tabIndex={0} data-testid="tail">
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const record = records[item.index]!;
            const key = keyOf(record);
            const isOpen = open === key;
            return (
              <div
                key={item.key}
                role="listitem"
                data-index={item.index}
                ref={virtual.measureElement}
                className={css.tailItem}
                style={{ transform: `translateY(${item.start}px)` }}
                data-testid="tail-record"
              >
                <button
                  type="button"
                  className={css.tailRow}
                  aria-expanded={isOpen}
                  onClick={() => {
                    if (!isOpen) hold();
                    setOpen(isOpen ? null : key);
                  }}
                >
                  <time title={format.exact(record.arrived_at_ms)}>{format.clock(record.arrived_at_ms)}</time>
                  <span title={record.shard}>{shortShard(record.shard)}</span>
                  <span className="cut" title={record.key}>
                    {record.key}
                  </span>
                  <span className="cut" data-encoding={record.encoding}>
                    {record.encoding === "json" ? null : <em>{record.encoding === "text" ? t("streams.notJson") : t("streams.binary")}</em>}
                    {textOf(record)}
                  </span>
                </button>
                {isOpen ? (
                  <Group className={css.tailOpen}>
                    <RecordDetail record={record} />
                  </Group>
                ) : null}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

export function shortShard(id: string): string {
  return id.replace(/^shardId-0*(?=\d)/, "");
}

function textOf(record: StreamRecord): string {
  return typeof record.data === "string" ? record.data : JSON.stringify(record.data);
}
