import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Relaxed SIMD is behind a flag on Node 20; the kernels' loader sets it too, but only before first use.
    pool: 'forks',
    execArgv: ['--experimental-wasm-relaxed-simd'],
    maxWorkers: 2,
    testTimeout: 60_000,
    // Processes are started there, which takes seconds on a machine that is busy otherwise.
    hookTimeout: 60_000,
    // What is polled for comes within milliseconds, but not on a machine that is busy otherwise.
    expect: { poll: { timeout: 10_000 } },
    reporters: ['default', './tests/closing-line-reporter.ts'],
  },
});
