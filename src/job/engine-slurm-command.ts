import { execFile } from 'node:child_process';
import { AbortedError, ConfigError, SourceError } from '../core/errors.ts';

export interface SlurmCommandOptions {
  /** What a refusal is about, e.g. `the array of shards 0 to 9`. */
  readonly what: string;
  /** Handed over by standard input. */
  readonly input?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** What Slurm's commands say where its services, rather than the request, are the reason. */
const UNREACHABLE =
  /unable to contact slurm controller|socket timed out|zero bytes were transmitted|connection (?:refused|timed out)|munge|authentication error|configuration (?:file|source)|temporarily un(?:available|able)/i;
const KEPT = 2000;

/**
 * Runs a command of Slurm, without a shell.
 * @returns its standard output
 * @throws ConfigError if it is not there, or refuses; SourceError (worth another attempt) if it doesn't reach Slurm's
 * services or doesn't end; AbortedError
 */
export function runSlurmCommand(
  command: 'sbatch' | 'scontrol' | 'scancel' | 'squeue',
  args: readonly string[],
  options: SlurmCommandOptions,
): Promise<string> {
  const { what, input, timeoutMs, signal } = options;
  // Jobs inherit the environment, also that of a job which submits them: its restarts are not theirs.
  const env = { ...process.env, SLURM_RESTART_COUNT: undefined };
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 << 20, ...(signal && { signal }) },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const url = `slurm:${command}`;
        if (signal?.aborted) return reject(new AbortedError(`${what}: stopped before Slurm had answered`));
        if (error.code === 'ENOENT') {
          return reject(
            new ConfigError(
              `${command} is not on this machine's PATH, so nothing can be handed to Slurm; submit from a login node of the cluster, load its module, or do the plan with --engine local`,
              { pointer: '--engine', value: 'slurm', cause: error },
            ),
          );
        }
        if (error.killed === true) {
          return reject(
            new SourceError(
              `${what}: ${command} had not ended after ${Math.round(timeoutMs / 1000)} s; see with sinfo whether the cluster answers, then try again`,
              { url, status: 'ETIMEDOUT', retryable: true, cause: error },
            ),
          );
        }
        const said = stderr.trim().slice(-KEPT).split('\n').join('; ') || error.message;
        if (UNREACHABLE.test(said)) {
          return reject(
            new SourceError(
              `${what}: ${command} does not reach Slurm: ${said}; see with sinfo whether the cluster answers (SLURM_CONF names its configuration), then try again`,
              { url, status: error.code ?? null, retryable: true, cause: error },
            ),
          );
        }
        reject(
          new ConfigError(
            `${what}: ${command} refused: ${said}; options of sbatch that suit the cluster, such as --partition=NAME, --account=NAME, --mem=SIZE or --time=LIMIT, are given by --sbatch`,
            { pointer: '--sbatch', value: args.join(' '), cause: error },
          ),
        );
      },
    );
    // One that ends without reading says why by its exit code.
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}
