import { expect, test } from "vitest";
import { readNotebook } from "./format";

const of = (...outputs: unknown[]) =>
  readNotebook(JSON.stringify({ cells: [{ cell_type: "code", source: ["a\n", "b"], execution_count: 3, outputs }], metadata: {} })).cells[0] as { outputs: unknown[] };

test("cells with their sources, whole or by lines", () => {
  const { cells } = readNotebook(JSON.stringify({ cells: [{ cell_type: "markdown", source: "# Hi" }, { cell_type: "raw", source: "x" }, { cell_type: "code", source: ["a\n", "b"], outputs: [] }] }));
  expect(cells).toEqual([{ kind: "markdown", source: "# Hi" }, { kind: "code", source: "a\nb", count: null, outputs: [] }]);
});

test("the richest harmless form of an output", () => {
  expect(of({ output_type: "execute_result", data: { "text/plain": "t", "text/html": "<table></table>" } }).outputs).toEqual([{ kind: "html", text: "<table></table>" }]);
  expect(of({ output_type: "display_data", data: { "text/plain": "t", "image/png": "aGk=\n" } }).outputs).toEqual([{ kind: "image", src: "data:image/png;base64,aGk=" }]);
  expect(of({ output_type: "display_data", data: { "image/svg+xml": "<svg><script>1</script></svg>" } }).outputs).toMatchObject([{ kind: "image" }]);
  expect(of({ output_type: "display_data", data: { "application/javascript": "alert(1)" } }).outputs).toEqual([]);
  expect(of({ output_type: "stream", text: "\u001b[31mred\u001b[0m" }, { output_type: "error", traceback: ["E: x"] }).outputs).toEqual([{ kind: "text", text: "red" }, { kind: "error", text: "E: x" }]);
});

test("a picture that is none cannot break out of its address", () => {
  expect(of({ output_type: "display_data", data: { "image/png": 'x" onerror="alert(1)', "text/plain": "t" } }).outputs).toEqual([{ kind: "text", text: "t" }]);
});

test("what is no notebook is refused", () => {
  expect(() => readNotebook("{}")).toThrow(SyntaxError);
  expect(() => readNotebook("no json")).toThrow(SyntaxError);
});
