import { ConfigError } from '../core/errors.ts';
import { BATCH_VARIABLES } from './contract.ts';

/** Where the engine submits to: ARNs, and the name of the log group. */
export interface BatchSettings {
  readonly shardQueue: string;
  readonly shardDefinition: string;
  readonly mergeQueue: string;
  readonly mergeDefinition: string;
  readonly logGroup: string;
  readonly region: string;
  /** `aws`, or AWS's name for its Chinese or its government regions. */
  readonly partition: string;
}

const ARN = /^arn:(aws[a-z-]*):batch:([a-z0-9-]+):\d{12}:(job-queue|job-definition)\/[A-Za-z0-9_-]+(:\d+)?$/;
const KINDS: Readonly<Record<keyof typeof BATCH_VARIABLES, string | null>> = {
  shardQueue: 'job-queue',
  shardDefinition: 'job-definition',
  mergeQueue: 'job-queue',
  mergeDefinition: 'job-definition',
  logGroup: null,
};

/**
 * Reads {@link BATCH_VARIABLES} from an environment.
 * @throws ConfigError that names each variable that is missing or wrong, and says where they come from
 */
export function readBatchSettings(env: Readonly<Record<string, string | undefined>>): BatchSettings {
  const wrong: string[] = [];
  const read = (key: keyof typeof BATCH_VARIABLES): string => {
    const name = BATCH_VARIABLES[key];
    const value = env[name] ?? '';
    const kind = KINDS[key];
    if (value === '') wrong.push(`${name} is not set`);
    else if (kind !== null && ARN.exec(value)?.[3] !== kind) {
      wrong.push(`${name} is ${JSON.stringify(value)}, expected arn:aws:batch:REGION:ACCOUNT:${kind}/NAME`);
    }
    return value;
  };
  const settings = {
    shardQueue: read('shardQueue'),
    shardDefinition: read('shardDefinition'),
    mergeQueue: read('mergeQueue'),
    mergeDefinition: read('mergeDefinition'),
    logGroup: read('logGroup'),
  };
  const [partition, region] = placeOf(settings.shardQueue);
  if (wrong.length === 0 && placeOf(settings.mergeQueue)[1] !== region) {
    wrong.push(`${BATCH_VARIABLES.mergeQueue} is in another region than ${BATCH_VARIABLES.shardQueue}`);
  }
  if (wrong.length === 0) return { ...settings, partition, region };
  throw new ConfigError(
    `--engine aws-batch: where to submit is not known: ${wrong.join('; ')}. The stack in infra/ tells all of them as its output EngineSettings: export $(aws cloudformation describe-stacks --stack-name Frustum --output text --query "Stacks[0].Outputs[?OutputKey=='EngineSettings'].OutputValue")`,
    { pointer: '--engine' },
  );
}

function placeOf(arn: string): readonly [partition: string, region: string] {
  const match = ARN.exec(arn);
  return [match?.[1] ?? '', match?.[2] ?? ''];
}

/** The page of the AWS console that shows a log group, or one log stream of it. */
export function logsPage(
  { region, partition, logGroup }: Pick<BatchSettings, 'region' | 'partition' | 'logGroup'>,
  stream?: string,
): string {
  const domains: Readonly<Record<string, string>> = {
    'aws-cn': 'amazonaws.cn',
    'aws-us-gov': 'amazonaws-us-gov.com',
  };
  const host = [region, 'console', domains[partition] ?? 'aws.amazon.com'].join('.');
  // The console reads names in its fragment that were escaped twice, with $ for %.
  const twice = (name: string) => encodeURIComponent(encodeURIComponent(name)).replaceAll('%', '$');
  const page = `https://${host}/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/${twice(logGroup)}`;
  return stream === undefined ? page : `${page}/log-events/${twice(stream)}`;
}
