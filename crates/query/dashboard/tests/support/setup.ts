import type { TestProject } from "vitest/node";
import { loadRecorded, seed } from "./seed.ts";
import { type Stack, start, stop } from "./stack.ts";

declare module "vitest" {
  export interface ProvidedContext {
    stack: Stack;
  }
}

/** Before all tests; what it gives back is done after them. */
export default async function setup(project: TestProject): Promise<() => void> {
  const stack = start();
  try {
    await seed(stack);
    stack.hasRecorded = await loadRecorded(stack);
  } catch (error) {
    stop(stack);
    throw error;
  }
  project.provide("stack", stack);
  return () => stop(stack);
}
