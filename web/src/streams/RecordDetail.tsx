/** One record in full: where it is, and its data as a tree. */
import { useTranslation } from "react-i18next";
import { Copy } from "../code/CodeBlock";
import { useFormat } from "../i18n/format";
import { JsonTree } from "../page/JsonTree";
import type { StreamRecord } from "./data";
import css from "./streams.module.css";

export function RecordDetail({ record }: { record: StreamRecord }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <div className={css.record}>
      <dl>
        <dt>{t("streams.sequence")}</dt>
        <dd>{record.sequence}</dd>
        <dt>{t("streams.shard")}</dt>
        <dd>{record.shard}</dd>
        <dt>{t("streams.key")}</dt>
        <dd>{record.key}</dd>
        <dt>{t("streams.arrived")}</dt>
        <dd>{format.exact(record.arrived_at_ms)}</dd>
        <dt>{t("streams.size")}</dt>
        <dd>{format.bytes(record.bytes)}</dd>
      </dl>
      <div className={css.recordData}>
        <JsonTree value={record.data} />
        <div className={css.recordCopy}>
          <Copy text={typeof record.data === "string" ? record.data : JSON.stringify(record.data, null, 2)} />
        </div>
      </div>
    </div>
  );
}
