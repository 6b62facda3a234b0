import { expect, test } from "vitest";
import type { StreamRecord } from "./data";
import { keyOf, merge, TAIL_RECORDS_MAX } from "./tail";

const record = (sequence: number): StreamRecord => ({
  shard: "shardId-0", sequence: String(sequence), key: "k", arrived_at_ms: sequence, bytes: 1, data: sequence, encoding: "json",
});

test("new records come first, the newest at the top", () => {
  expect(merge([record(2), record(3)], [record(1)]).map((one) => one.sequence)).toEqual(["3", "2", "1"]);
});

test("a record that is sent again after a reconnect is shown once", () => {
  const shown = merge([record(1), record(2)], []);
  expect(merge([record(2), record(3)], shown).map(keyOf)).toEqual(["shardId-0/3", "shardId-0/2", "shardId-0/1"]);
});

test("the buffer has an end", () => {
  const many = Array.from({ length: TAIL_RECORDS_MAX + 50 }, (_, index) => record(index));
  expect(merge(many, [])).toHaveLength(TAIL_RECORDS_MAX);
});
