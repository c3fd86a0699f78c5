import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative addresses, so that the built app works below any path.
export default defineConfig({ base: "./", plugins: [react()] });
