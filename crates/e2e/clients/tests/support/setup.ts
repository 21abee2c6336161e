import type { TestProject } from "vitest/node";
import { type Stack, start, stop } from "./stack.ts";

declare module "vitest" {
  export interface ProvidedContext {
    stack: Stack;
  }
}

/** Before all tests; what it gives back is done after them. */
export default function setup(project: TestProject): () => void {
  const stack = start();
  project.provide("stack", stack);
  return () => stop(stack);
}
