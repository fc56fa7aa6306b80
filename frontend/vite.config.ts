import { defineConfig } from "vite";

const API = process.env.GPUBROKER_API_URL ?? "http://127.0.0.1:10355";

export default defineConfig({
  build: {
    outDir: process.env.GPUBROKER_PAGE_FOLDER ?? "dist",
    target: "es2022",
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    port: 28100,
    strictPort: true,
    proxy: { "/api": API, "/health": API, "/docs": API, "/openapi.json": API },
  },
});
