import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The build runs in node; this is all of it that the configuration needs.
declare const process: { env: Record<string, string | undefined> };

const server = process.env["VIVESPHERE_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: process.env["VIVESPHERE_UI_OUT"] ?? "../static",
    emptyOutDir: true,
    // Inlined assets would need data: addresses, which the content security policy refuses for fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
    reportCompressedSize: false,
  },
  server: {
    proxy: { "/api": { target: server, ws: true }, "/health": server, "/schema": server },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
