import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** What a `frustum` command said and how it ended. */
export interface CommandResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Standard error as the JSON lines it must be when no terminal is there. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** The last line, if it tells of a failure. */
  readonly failure: { readonly tag: string; readonly message: string } | null;
}

/** A command under way. */
export interface RunningCommand {
  readonly process: ChildProcess;
  readonly result: Promise<CommandResult>;
}

/** Starts the built `frustum` command. */
export function startFrustum(args: readonly string[]): RunningCommand {
  const child = spawn(process.execPath, [resolve('bin/frustum.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const result = once(child, 'close').then(([status, signal]): CommandResult => {
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const last = lines.at(-1);
    const failure = last?.level === 'fatal' ? { tag: String(last.tag), message: String(last.message) } : null;
    return { status, signal, stdout, lines, failure };
  });
  return { process: child, result };
}

/** Runs the built `frustum` command to its end. */
export function runFrustum(...args: readonly string[]): Promise<CommandResult> {
  return startFrustum(args).result;
}
