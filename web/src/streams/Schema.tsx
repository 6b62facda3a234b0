/** The columns that SQL sees in a stream, and which queries read it. */
import { Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ColumnTable } from "../page/ColumnTable";
import { EmptyState } from "../page/EmptyState";
import { Facts } from "../page/Facts";
import { Panel } from "../page/Panel";
import type { StreamDetail } from "./data";

export function Schema({ stream }: { stream: StreamDetail | undefined }) {
  const { t } = useTranslation();
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("streams.schemaInferred")}
      </Text>
      <ColumnTable columns={stream?.columns} empty={<EmptyState small title={t("streams.schemaEmpty")} text={t("streams.schemaEmptyText")} />} />
      {stream ? (
        <Panel>
          <Facts
            facts={[
              {
                label: t("streams.readers"),
                value: stream.readers.length
                  ? stream.readers.map((name) => (
                      <div key={name}>
                        <Link to="/queries/$name" params={{ name }}>
                          {name}
                        </Link>
                      </div>
                    ))
                  : t("streams.noReaders"),
              },
            ]}
          />
        </Panel>
      ) : null}
    </Stack>
  );
}
