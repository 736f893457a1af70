import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A folder of commands that only write down how they were called. */
let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'frustum-scripts-'));
  for (const tool of ['bash', 'sed', 'cut', 'cat', 'dirname'])
    symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
  writeFileSync(join(bin, 'calls'), '');
});
afterEach(() => rmSync(bin, { recursive: true }));

function pretend(command: string, body: string): void {
  writeFileSync(
    join(bin, command),
    `#!/usr/bin/bash\necho "${command} $*" >> ${join(bin, 'calls')}\n${body}\n`,
  );
  chmodSync(join(bin, command), 0o755);
}

function run(script: string, args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync('/usr/bin/bash', [`scripts/${script}`, ...args], {
    env: { PATH: bin },
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
  const calls = readFileSync(join(bin, 'calls'), 'utf8')
    .trim()
    .split('\n')
    .filter((call) => call !== '');
  return { status, stdout, stderr, calls };
}

describe('build-images.sh', () => {
  const REPOSITORY = '111122223333.dkr.ecr.eu-central-1.amazonaws.com/frustum';

  it('says so where Docker is missing', () => {
    const { status, stderr, calls } = run('build-images.sh', []);
    expect(status).toBe(1);
    expect(stderr).toContain('docker is not there');
    expect(calls).toEqual([]);
  });

  it('builds both images, named after the version', () => {
    pretend('docker', '');
    const { version } = JSON.parse(readFileSync('../package.json', 'utf8')) as { version: string };
    const { status, stdout, calls } = run('build-images.sh', []);
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([`frustum:${version}-cpu`, `frustum:${version}-cuda`]);
    expect(calls).toEqual([
      `docker build --platform linux/amd64 -f infra/Dockerfile --target cpu -t frustum:${version}-cpu .`,
      `docker build --platform linux/amd64 -f infra/Dockerfile --target cuda -t frustum:${version}-cuda .`,
    ]);
  });

  it("pushes both to the repository's own region, with models by checksum", () => {
    pretend('docker', 'case "$1" in login) cat >/dev/null;; esac');
    pretend('aws', 'echo secret');
    const { status, calls } = run('build-images.sh', [
      ...['--tag', 't1', '--push', REPOSITORY, '--models', 'https://example.org/m.tar.gz', 'abc'],
    ]);
    expect(status).toBe(0);
    const models =
      '--build-arg MODELS=fetched --build-arg MODEL_URL=https://example.org/m.tar.gz --build-arg MODEL_SHA256=abc';
    const build = (v: string) =>
      `docker build --platform linux/amd64 -f infra/Dockerfile --target ${v} ${models} -t ${REPOSITORY}:t1-${v} .`;
    // A pipe's two sides begin in any order.
    expect(calls.slice(0, 2).sort()).toEqual([
      'aws ecr get-login-password --region eu-central-1',
      'docker login --username AWS --password-stdin 111122223333.dkr.ecr.eu-central-1.amazonaws.com',
    ]);
    expect(calls.slice(2)).toEqual([
      build('cpu'),
      `docker push ${REPOSITORY}:t1-cpu`,
      build('cuda'),
      `docker push ${REPOSITORY}:t1-cuda`,
    ]);
  });

  it('stops at a build that fails', () => {
    pretend('docker', 'exit 1');
    expect(run('build-images.sh', []).calls).toHaveLength(1);
  });

  it.each([[['--only', 'tpu']], [['--push']], [['what']]])('%j is wrong usage', (args) => {
    pretend('docker', '');
    expect(run('build-images.sh', args)).toMatchObject({ status: 2, calls: [] });
  });
});

describe('teardown.sh', () => {
  /** An account with a stack, a night, one running job, and records of one object. */
  const account = `case "$*" in
    *RecordsBucket*) echo records;;
    *InputUrl*) echo s3://scenes/in/;;
    *OutputUrl*) echo s3://maps/out/;;
    *ShardQueue*) echo queue-shards;;
    *PlanQueue*) echo queue-steps;;
    *list-schedules*) echo night;;
    *list-jobs*queue-shards*RUNNING*) echo job-1;;
    *get-bucket-logging*scenes*) echo records;;
    *get-bucket-logging*) echo None;;
    *describe-flow-logs*) echo fl-1;;
    *list-object-versions*) if [ -e ${'"$0".emptied'} ]; then echo '{"Objects": []}'; else echo '{"Objects": [{"Key": "a", "VersionId": "1"}]}'; : > ${'"$0".emptied'}; fi;;
  esac`;
  const changes = (calls: readonly string[]) =>
    calls.filter((call) => !/describe-|list-|get-|wait/.test(call)).map((call) => call.replace(/^aws /, ''));

  it('asks first, and does nothing on any other answer', () => {
    pretend('aws', account);
    const { status, calls, stderr } = run('teardown.sh', [], 'no\n');
    expect(status).toBe(1);
    expect(stderr).toContain('nothing was done');
    expect(changes(calls)).toEqual([]);
  });

  it('stops the night and the jobs, empties the records, removes the stack, and touches no data', () => {
    pretend('aws', account);
    const { status, calls, stdout } = run('teardown.sh', [], 'Frustum\n');
    expect(status).toBe(0);
    expect(changes(calls)).toEqual([
      'scheduler delete-schedule --group-name Frustum-nightly --name night',
      'batch update-job-queue --job-queue queue-shards --state DISABLED',
      'batch update-job-queue --job-queue queue-steps --state DISABLED',
      'batch terminate-job --job-id job-1 --reason the stack is taken down',
      's3api put-bucket-logging --bucket scenes --bucket-logging-status {}',
      'ec2 delete-flow-logs --flow-log-ids fl-1',
      's3api delete-objects --bucket records --delete {"Objects": [{"Key": "a", "VersionId": "1"}]}',
      'cloudformation delete-stack --stack-name Frustum',
    ]);
    expect(stdout).toContain('Left are data: s3://scenes/in/ s3://maps/out/');
  });

  it('tries once more where records came late, and fails if that fails', () => {
    pretend('aws', `${account}\ncase "$*" in *wait*) exit 255;; esac`);
    const { status, calls } = run('teardown.sh', ['--yes', '--stack', 'Frustum']);
    expect(status).not.toBe(0);
    expect(calls.filter((call) => call.includes('delete-stack'))).toHaveLength(2);
  });

  it('stops where the stack is not there', () => {
    pretend('aws', 'exit 254');
    const { status, calls } = run('teardown.sh', ['--yes']);
    expect(status).toBe(254);
    expect(changes(calls)).toEqual([]);
  });
});
