import { expect, test } from "vitest";
import { offsetOf, statementAt, statementsOf } from "./statements";

const TEXT = "SELECT 1;\n\n-- a; comment\nSELECT 'x;''y' AS \"a;b\" /* ; */;\nSELECT $$ ; $$";

test("semicolons in strings, names and comments do not end a statement", () => {
  expect(statementsOf(TEXT).map((one) => one.text)).toEqual([
    "SELECT 1",
    "-- a; comment\nSELECT 'x;''y' AS \"a;b\" /* ; */",
    "SELECT $$ ; $$",
  ]);
});

test("the cursor finds its statement, also right behind the semicolon", () => {
  expect(statementAt(TEXT, 3)?.text).toBe("SELECT 1");
  expect(statementAt(TEXT, 9)?.text).toBe("SELECT 1");
  expect(statementAt(TEXT, 12)?.text).toContain("comment");
  expect(statementAt(TEXT, TEXT.length)?.text).toBe("SELECT $$ ; $$");
  expect(statementAt("  \n", 1)).toBeNull();
});

test("a place in a statement is a place in the whole text", () => {
  const second = statementsOf(TEXT)[1]!;
  const offset = offsetOf(second, 2, 8);
  expect(TEXT.slice(offset, offset + 3)).toBe("'x;");
  expect(offsetOf(second, 99, 99)).toBeLessThanOrEqual(TEXT.length);
});

test("an unfinished string is one statement", () => {
  expect(statementsOf("SELECT 'abc; x").length).toBe(1);
});
