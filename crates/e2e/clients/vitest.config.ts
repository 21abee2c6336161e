import { defineConfig } from "vitest/config";

// One file after the other, in one process: all share one private stack, and an outage is nobody else's.
export default defineConfig({
  test: {
    include: ["tests/*.test.ts"],
    globalSetup: ["tests/support/setup.ts"],
    environment: "node",
    fileParallelism: false,
    pool: "forks",
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
