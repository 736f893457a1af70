import { ConfigError } from '../core/errors.ts';

/** Options of `sbatch` that a submission gives itself, or that would make it something else. */
const OWN = [
  ...['array', 'dependency', 'job-name', 'output', 'error', 'open-mode', 'signal', 'parsable', 'wrap'],
  ...['kill-on-invalid-dep', 'no-requeue', 'wait', 'test-only', 'clusters', 'help', 'usage', 'version'],
];
const OWN_SHORT = 'adJoeWMhV';
/** Short options without a value: what follows one in the same word would be further options. */
const SHORT_FLAGS = 'HIkOQsuv';

/**
 * Options of `sbatch` as its arguments. A text may hold several, e.g. `--partition=gpu --account=x`: a new one begins where
 * a dash follows a space. Each must have its value in the same word, so that none can be taken for a script.
 * @throws ConfigError for what is no option, and for options that a submission gives itself
 */
export function sbatchArguments(texts: readonly string[], pointer: string): readonly string[] {
  const words = texts.flatMap((text) =>
    text
      .trim()
      .split(/\s+(?=-)/)
      .filter((word) => word !== ''),
  );
  for (const word of words) check(word, pointer);
  return words;
}

function check(word: string, pointer: string): void {
  const long = /^--([a-z][a-z-]*)(=.*)?$/s.exec(word);
  const short = /^-([A-Za-z])(.*)$/s.exec(word);
  if (
    (long === null && short === null) ||
    (long !== null && long[2] === undefined && /\s/.test(word)) ||
    (short !== null && (/^\s/.test(short[2]!) || (SHORT_FLAGS.includes(short[1]!) && short[2] !== '')))
  ) {
    throw new ConfigError(
      `${pointer} ${JSON.stringify(word)}: expected options of sbatch with their values in the same word, such as --partition=gpu or -pgpu`,
      { pointer, value: word },
    );
  }
  // sbatch takes the beginning of a long option's name for all of it.
  const own = long !== null ? OWN.some((name) => name.startsWith(long[1]!)) : OWN_SHORT.includes(short![1]!);
  if (!own) return;
  throw new ConfigError(
    `${pointer} ${JSON.stringify(word)}: this option of sbatch is given by the submission itself; leave it out${long?.[1] === 'clusters' || short?.[1] === 'M' ? ', and name the cluster in SLURM_CLUSTERS' : ''}`,
    { pointer, value: word },
  );
}
