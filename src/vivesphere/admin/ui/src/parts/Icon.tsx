/** Line icons on a grid of 24, drawn for this page. */
const PATHS = {
  dashboard: "M4 5h7v8H4zM4 16h7v3H4zM14 5h6v3h-6zM14 11h6v8h-6z",
  chat: "M5 5h14a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 19 17h-7l-4.5 3.5V17H5a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 5 5zM8 9.5h8M8 12.5h5",
  tools: "M14.5 6.5a4 4 0 0 1 5-1l-2.7 2.8.9 1.9 1.9.8 1-1a4.3 4.3 0 0 1-6 3.6L8.5 20a2.1 2.1 0 0 1-3-3l6.2-6.2a4.2 4.2 0 0 1 2.8-4.3z",
  plugins: "M9 4v4M15 4v4M6.5 8h11v4.5a5.5 5.5 0 0 1-11 0zM12 18v3",
  plans: "M5 5h5v4H5zM14 15h5v4h-5zM7.5 9v5.5a2.5 2.5 0 0 0 2.5 2.5h4",
  triggers: "M12 7.5V12l3 2M12 4a8 8 0 1 1 0 16a8 8 0 0 1 0-16z",
  api: "M9 7l-5 5l5 5M15 7l5 5l-5 5",
  plus: "M12 5v14M5 12h14",
  play: "M8 5.5v13l10.5-6.5z",
  stop: "M7 7h10v10H7z",
  pause: "M9 6v12M15 6v12",
  send: "M5 12L4 5l17 7l-17 7l1-7zM5 12h8",
  bolt: "M13 3L5 13.5h6L11 21l8-10.5h-6z",
  sun: "M12 8a4 4 0 1 1 0 8a4 4 0 0 1 0-8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  moon: "M19.5 14A8 8 0 0 1 10 4.5a8 8 0 1 0 9.5 9.5z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  signOut: "M14 5h-7.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H14M10 12h10.5M17 8.5l3.5 3.5l-3.5 3.5",
  search: "M11 5a6 6 0 1 1 0 12a6 6 0 0 1 0-12zM15.5 15.5L20 20",
  back: "M11 6l-6 6l6 6M5 12h15",
  right: "M9 6l6 6l-6 6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 4L3 19.5h18zM12 10v4M12 16.7v.1",
  bot: "M6 9h12a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-6a2 2 0 0 1 2-2zM12 9V5M12 4.5v.1M9 13.5v1M15 13.5v1",
  pulse: "M3 12h4l3-7l4 14l3-7h4",
  hash: "M9.5 4L8 20M16 4l-1.5 16M4.5 9H20M4 15h15.5",
  replay: "M5 12a7 7 0 1 0 2.2-5.1M5 4.5v4h4",
  data: "M12 4c4.1 0 7 1.2 7 2.8S16.1 9.6 12 9.6S5 8.4 5 6.8S7.9 4 12 4zM5 6.8v10.4C5 18.8 7.9 20 12 20s7-1.2 7-2.8V6.8M5 12c0 1.6 2.9 2.8 7 2.8s7-1.2 7-2.8",
  lock: "M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  download: "M12 4v11M7.5 11l4.5 4.5l4.5-4.5M5 19.5h14",
  upload: "M12 15.5v-11M7.5 9L12 4.5L16.5 9M5 19.5h14",
  filter: "M4 6h16l-6.2 7v5.5L10.2 20v-7z",
  pencil: "M5 19l1-4L16.5 4.5a1.8 1.8 0 0 1 3 3L9 18l-4 1zM14.5 6.5l3 3",
  up: "M12 19V6M6.5 11L12 5.5L17.5 11",
  down: "M12 5v13M6.5 13l5.5 5.5l5.5-5.5",
  cross: "M6 6l12 12M18 6L6 18",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.7}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
