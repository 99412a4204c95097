/**
 * Bytes that this thread's own JavaScript holds, buffers included. Suites run as threads of one
 * process, so the process's resident size tells of the others too.
 */
export function heldBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
