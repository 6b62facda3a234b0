/** The SQL editor: completion, the marked place of an error, Ctrl-Enter. Loaded lazily; the text is the caller's. */
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import {
  drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { Schemas } from "../api/client";
import { completionSource } from "./completion";
import "./editor.css";
import { type Statement, statementAt } from "./statements";

export type Mark = { offset: number; message: string };

export type EditorHandle = {
  /** the selection, or the statement under the cursor */ target: () => Statement | null;
  goTo: (offset: number) => void;
  focus: () => void;
};

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)" },
  { tag: [tags.typeName, tags.standard(tags.name), tags.propertyName], color: "var(--code-name)" },
]);

export default function Editor({ value, onChange, onRun, known, mark, label, language = "sql", hint, autoFocus = false, readOnly = false, ref }: {
  value: string;
  onChange?: (text: string) => void;
  onRun?: () => void;
  known?: Schemas["Completion"];
  mark?: Mark | null;
  label: string;
  language?: "sql" | "json";
  hint?: string;
  autoFocus?: boolean;
  readOnly?: boolean;
  ref?: Ref<EditorHandle>;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  // The editor is made once; what it calls may change with each draw.
  const now = useRef({ onChange, onRun, known });
  useEffect(() => {
    now.current = { onChange, onRun, known };
  });
  const first = useRef({ value, label, language, hint, autoFocus, readOnly });

  useEffect(() => {
    const start = first.current;
    const made = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: start.value,
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", preventDefault: true, run: () => (now.current.onRun?.(), true) }])),
          lineNumbers(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          highlightSpecialChars(),
          highlightSelectionMatches(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          EditorState.allowMultipleSelections.of(true),
          EditorState.readOnly.of(start.readOnly),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": start.label, spellcheck: "false", autocapitalize: "off", "data-testid": `${start.language}-editor` }),
          start.hint ? placeholder(start.hint) : [],
          syntaxHighlighting(colours),
          start.language === "sql" ? [sql({ dialect: PostgreSQL, upperCaseKeywords: true }).language, autocompletion({ override: [completionSource(() => now.current.known)], activateOnTyping: true, activateOnTypingDelay: 0, icons: false, maxRenderedOptions: 60 })] : json(),
          // Tab takes the offered completion and otherwise moves on, so that a keyboard gets out of the editor.
          keymap.of([{ key: "Tab", run: acceptCompletion }, ...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) now.current.onChange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    if (start.autoFocus) made.focus();
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const made = view.current;
    if (made && made.state.doc.toString() !== value) {
      made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value }, selection: { anchor: Math.min(value.length, made.state.selection.main.head) } });
    }
  }, [value]);

  useEffect(() => {
    const made = view.current;
    if (!made) return;
    const marks = mark ? [wordAt(made.state, mark)] : [];
    made.dispatch(setDiagnostics(made.state, marks));
  }, [mark]);

  useImperativeHandle(ref, () => ({
    target: () => {
      const state = view.current?.state;
      if (!state) return null;
      const { from, to, empty, head } = state.selection.main;
      const selected = empty ? "" : state.sliceDoc(from, to);
      const text = selected.trim();
      return text ? { from: from + selected.indexOf(text), text } : statementAt(state.doc.toString(), head);
    },
    goTo: (offset) => {
      view.current?.dispatch({ selection: { anchor: Math.min(offset, view.current.state.doc.length) }, scrollIntoView: true });
      view.current?.focus();
    },
    focus: () => view.current?.focus(),
  }));

  return <div ref={box} className="editor" />;
}

/** The word at the marked place, so that something can be seen; at the end of a line the character before it. */
function wordAt(state: EditorState, mark: Mark) {
  const at = Math.min(mark.offset, state.doc.length);
  const word = state.wordAt(at);
  const from = word?.from ?? Math.max(0, at === state.doc.lineAt(at).to ? at - 1 : at);
  const to = word?.to ?? Math.min(state.doc.length, from + 1);
  return { from, to: Math.max(from, to), severity: "error" as const, message: mark.message };
}
