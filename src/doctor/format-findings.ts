import type { Finding } from './finding.ts';

const MARKS = { ok: 'ok', warning: 'careful', problem: 'PROBLEM', skipped: '-' } as const;

/** Findings for a terminal: one a line, what to do below it, and the sum at the end. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => Math.min(name.length, 28)));
  const indent = ' '.repeat(9 + width + 2);
  const lines = findings.flatMap(({ name, state, found, advice }) => [
    `${MARKS[state].padEnd(9)}${name.padEnd(width)}  ${found}`,
    ...(advice === null ? [] : [`${indent}-> ${advice}`]),
  ]);
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  const problems = count('problem');
  const warnings = count('warning');
  const sum =
    problems > 0
      ? `${problems} ${problems === 1 ? 'problem' : 'problems'}: runs will fail here`
      : warnings > 0
        ? `ready, with ${warnings} ${warnings === 1 ? 'thing' : 'things'} to be careful about`
        : 'ready';
  return [...lines, '', sum].join('\n');
}
