import { expect, test } from "vitest";
import { windowOver } from "./examples";

const column = (name: string, type: string) => ({ name, type, nullable: true });

test("a stream's own columns become a windowed question", () => {
  const sql = windowOver("line-3.press", [column("ts", "TIMESTAMP"), column("press", "STRING"), column("bar", "DOUBLE"), column("at", "ROW<x INT>")]);
  expect(sql).toContain("CREATE TABLE line_3_press (\n  ts TIMESTAMP(3),\n  press STRING,\n  bar DOUBLE,\n  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND\n) WITH ('stream' = 'line-3.press'");
  expect(sql).toContain("GROUP BY window_start, window_end, press");
});

test("without a time there is no window", () => {
  expect(windowOver("s", [column("a", "BIGINT")])).not.toContain("TUMBLE");
});
