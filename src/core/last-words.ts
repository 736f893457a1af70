/** An uncaught error as Node.js prints it: its class, perhaps a code, its message. */
const UNCAUGHT = /^(?:\w*Error|AbortError)(?: \[\w+\])?: /;

/**
 * The line of a dead process's standard error that tells best why it died: the uncaught error, which Node.js follows with a
 * stack and its own version, or else the last line.
 *
 * @returns one line; empty if there was none
 */
export function lastWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '');
  return said.findLast((line) => UNCAUGHT.test(line)) ?? said.at(-1) ?? '';
}
