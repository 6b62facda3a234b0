/** Studio's look for Mantine: a calm slate, one blue, small radii. Colours that Mantine does not know are in tokens.css. */
import {
  ActionIcon, Badge, Button, Checkbox, createTheme, type CSSVariablesResolver, type MantineColorsTuple, Menu, Modal, NumberInput, PasswordInput, Popover,
  SegmentedControl, Select, Skeleton, Switch, Table, Tabs, TagsInput, Textarea, TextInput, Tooltip,
} from "@mantine/core";

const cloud: MantineColorsTuple = [
  "#eef4ff", "#dce7fd", "#b8cef8", "#90b2f4", "#6a97ee", "#4c82e9", "#2f6fe0", "#215bc4", "#1c4da6", "#163d84",
];
const gray: MantineColorsTuple = [
  "#f7f8fa", "#f0f2f5", "#e5e8ec", "#d6dbe1", "#bec5ce", "#8f99a7", "#5b6573", "#465060", "#2c3440", "#161a20",
];
const dark: MantineColorsTuple = [
  "#e3e8ef", "#b6c0cd", "#97a3b3", "#657184", "#2d3540", "#232a33", "#1a2028", "#12161c", "#0d1015", "#090b0f",
];

const input = { size: "sm", radius: "sm" } as const;

export const FONT =
  '"Gureum UI", "Pretendard Variable", Pretendard, -apple-system, "Segoe UI", "Apple SD Gothic Neo", "Malgun Gothic", sans-serif';
export const MONO =
  'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Gureum UI", "Pretendard Variable", monospace';

export const theme = createTheme({
  primaryColor: "cloud",
  primaryShade: 6,
  colors: { cloud, gray, dark },
  fontFamily: FONT,
  fontFamilyMonospace: MONO,
  headings: { fontFamily: FONT, fontWeight: "650" },
  fontSizes: { xs: "0.75rem", sm: "0.8438rem", md: "0.9063rem", lg: "1.0625rem", xl: "1.25rem" },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "6px", md: "8px", lg: "12px", xl: "20px" },
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
  autoContrast: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle", color: "gray" } }),
    Badge: Badge.extend({ defaultProps: { variant: "light", tt: "none", fw: 550 } }),
    Button: Button.extend({ defaultProps: { size: "sm", fw: 550 } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: "sm" } }),
    Menu: Menu.extend({ defaultProps: { shadow: "md", withinPortal: true, transitionProps: { duration: 80 } } }),
    Modal: Modal.extend({ defaultProps: { radius: "md", centered: true, transitionProps: { duration: 120 } } }),
    NumberInput: NumberInput.extend({ defaultProps: input }),
    PasswordInput: PasswordInput.extend({ defaultProps: input }),
    Popover: Popover.extend({ defaultProps: { shadow: "md", transitionProps: { duration: 80 } } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "sm" } }),
    Select: Select.extend({ defaultProps: input }),
    Skeleton: Skeleton.extend({ defaultProps: { radius: "sm" } }),
    Switch: Switch.extend({ defaultProps: { size: "sm" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 7, horizontalSpacing: "sm" } }),
    Tabs: Tabs.extend({ defaultProps: { keepMounted: false } }),
    TagsInput: TagsInput.extend({ defaultProps: input }),
    Textarea: Textarea.extend({ defaultProps: input }),
    TextInput: TextInput.extend({ defaultProps: input }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, withArrow: false, fz: "xs", transitionProps: { duration: 80 } } }),
  },
});

const meanings = {
  "--mantine-color-body": "var(--canvas)",
  "--mantine-color-text": "var(--ink)",
  "--mantine-color-dimmed": "var(--ink-dim)",
  "--mantine-color-error": "var(--bad)",
  "--mantine-color-placeholder": "var(--ink-faint)",
  "--mantine-color-default-border": "var(--line-strong)",
  "--mantine-color-anchor": "var(--accent)",
};

/** Mantine's own meanings take their colours from tokens.css, so that there is one place to change them. */
export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, light: meanings, dark: meanings });
