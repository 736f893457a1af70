import { EXIT } from '../core/errors.ts';

export interface ScriptOptions {
  /** What the script does, in a few words without line breaks. */
  readonly title: string;
  /** Number of the first shard, for arrays; `null` for a job that is none. */
  readonly offset: number | null;
  /** What it starts; arrays add the shard's index to it. */
  readonly command: readonly string[];
  /** Attempts, restarts by Slurm among them, after which "try again" is a failure. */
  readonly attempts: number;
}

/** Exit code of a process that SIGTERM ended before it could say what to do about it. */
const TERMINATED = 128 + 15;
/** Exit code of one that SIGKILL ended. */
const KILLED = 128 + 9;

/**
 * Writes a batch script: starts the command, hands SIGTERM on to it (Slurm tells only the script, or all processes of the
 * job, as its `ProctrackType` goes), and puts the job back into the queue if the command asks for another attempt.
 */
export function writeSlurmScript({ title, offset, command, attempts }: ScriptOptions): string {
  const array = offset !== null;
  const words = command.map(quoteWord).join(' ');
  return `#!/bin/bash
# ${title}
attempt=$((\${SLURM_RESTART_COUNT:-0} + 1))
${
  array
    ? `shard=$((SLURM_ARRAY_TASK_ID + ${offset}))
job="\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
say() { echo "frustum: shard $shard, attempt $attempt on \${SLURMD_NODENAME:-$HOSTNAME}: $*" >&2; }`
    : `job=$SLURM_JOB_ID
say() { echo "frustum: merge, attempt $attempt on \${SLURMD_NODENAME:-$HOSTNAME}: $*" >&2; }`
}

child= told= code=
stop() {
  told=1
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
trap stop TERM
say start
# The command's process says its number, the shell around it the exit code: wait may lose that where a signal comes in.
exec 3>&1 4< <(
  trap : TERM
  bash -c 'echo "$$"; exec "$@" >&3 3>&-' frustum ${words}${array ? ' --index "$shard"' : ''}
  echo "$?"
)
while [ -z "$code" ]; do
  read -r line <&4
  case $? in
  0)
    if [ -n "$child" ]; then
      code=$line
    else
      child=$line
      [ -z "$told" ] || stop
    fi
    ;;
  1) code=${KILLED} ;;
  esac
done

if [ "$code" -eq ${EXIT.tryAgain} ] || [ "$code" -eq ${TERMINATED} ]; then
  # A job that was cancelled or put back by others is not running any more, and is left as it is.
  if ! state=$(scontrol --oneliner show job "$job"); then
    say "ended with $code, and no further attempt, since scontrol does not answer"
  elif [[ $state != *' JobState=RUNNING '* ]]; then
    say "stopped from outside"
  elif [ "$attempt" -ge ${attempts} ]; then
    say "ended with $code, and this was the last of ${attempts} attempts"
  else
    say "ended with $code: back into the queue"
    trap '' TERM
    scontrol requeue "$job"
  fi
fi
exit "$code"
`;
}

/** A word as a shell reads it back, whatever is in it. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
