import { createTheme, type CSSVariablesResolver } from "@mantine/core";

/** Deep teal on cool paper, with amber as the one warm spot: the sphere and its satellite. */
export const theme = createTheme({
  primaryColor: "vive",
  primaryShade: { light: 7, dark: 7 },
  colors: {
    vive: ["#e9faf6", "#d2f2eb", "#a5e4d8", "#73d5c4", "#4cc7b3", "#30b7a2", "#1b9a88", "#0f766e", "#0b5f59", "#074943"],
    amber: ["#fff5e5", "#ffe9cc", "#ffd199", "#ffb454", "#ffa42e", "#f59314", "#d97d06", "#a85d00", "#874a00", "#663800"],
    // Mantine's own reds carry white text, and stand on white, with less than 4.5:1.
    red: ["#fff1f0", "#ffe0de", "#ffc2be", "#ffa39d", "#ff8a82", "#f76a61", "#e5443b", "#c02c25", "#a1231d", "#7f1b16"],
    gray: ["#f5f8f7", "#edf2f1", "#e1e9e7", "#d0dbd9", "#b7c5c3", "#8c9d9b", "#586b6a", "#43534f", "#2c3a38", "#172220"],
    dark: ["#d5e0de", "#b9c8c6", "#94a7a5", "#6f8381", "#334544", "#253433", "#182423", "#111b1b", "#0c1414", "#070d0d"],
  },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.625rem", lineHeight: "1.25" }, h2: { fontSize: "1.0625rem" } } },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // A dialog's title bar is a <header>, which must not count as a second banner of the page.
    Modal: {
      defaultProps: {
        attributes: { header: { role: "none" } },
        centered: true,
        padding: "lg",
        radius: "lg",
        overlayProps: { backgroundOpacity: 0.45, blur: 2 },
      },
      styles: {
        content: { background: "var(--vive-surface)" },
        header: { background: "var(--vive-surface)" },
        title: { fontWeight: 650 },
      },
    },
    Badge: { defaultProps: { variant: "light", tt: "none", fw: 550 } },
    Skeleton: { defaultProps: { "aria-hidden": true } },
  },
});

// Mantine's own dimmed, placeholder and light-variant texts fall short of 4.5:1 on these grounds.
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f5f8f7",
    "--mantine-color-text": "#172220",
    "--mantine-color-dimmed": "#566967",
    "--mantine-color-placeholder": "#62736f",
    "--mantine-color-error": "#b3261e",
    "--mantine-color-anchor": "#0b6a63",
    "--mantine-color-vive-light-color": "#0b5f59",
    "--mantine-color-amber-light-color": "#7d4500",
    "--mantine-color-red-light-color": "#a61b1b",
    "--mantine-color-gray-light-color": "#43534f",
    "--mantine-color-blue-light-color": "#125a94",
    "--mantine-color-violet-light-color": "#5d38b0",
    "--vive-surface": "#ffffff",
    "--vive-sunken": "#edf2f1",
    "--vive-line": "#dfe7e5",
    "--vive-mine": "#0f766e",
  },
  dark: {
    "--mantine-color-body": "#0c1414",
    "--mantine-color-text": "#dbe6e4",
    "--mantine-color-dimmed": "#94a7a5",
    "--mantine-color-placeholder": "#869a98",
    "--mantine-color-error": "#ff9a92",
    "--mantine-color-anchor": "#58cfbc",
    "--mantine-color-vive-light": "rgba(48, 183, 162, 0.15)",
    "--mantine-color-vive-light-hover": "rgba(48, 183, 162, 0.22)",
    "--mantine-color-amber-light": "rgba(255, 164, 46, 0.14)",
    "--mantine-color-red-light": "rgba(255, 107, 107, 0.14)",
    "--mantine-color-gray-light": "rgba(213, 224, 222, 0.09)",
    "--mantine-color-blue-light": "rgba(77, 171, 247, 0.15)",
    "--mantine-color-blue-light-color": "#8cc8ff",
    "--mantine-color-vive-light-color": "#73d5c4",
    "--mantine-color-amber-light-color": "#ffc378",
    "--mantine-color-red-light-color": "#ffa8a8",
    "--mantine-color-gray-light-color": "#b9c8c6",
    "--vive-surface": "#131e1e",
    "--vive-sunken": "#1d2b2a",
    "--vive-line": "#223130",
    "--vive-mine": "#0f766e",
  },
});
