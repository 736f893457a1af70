import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { INTERMEDIATE_TAG } from '../../src/job/contract.ts';
import { acknowledge } from './acknowledge.ts';
import type { Settings } from './settings.ts';

/** Scenes in, maps out; and the records of who read what. Data outlives the stack, records don't. */
export class Storage extends Construct {
  readonly input: s3.IBucket;
  readonly output: s3.IBucket;
  readonly records: s3.Bucket;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.records = new s3.Bucket(this, 'Records', {
      ...guarded(),
      lifecycleRules: [{ expiration: Duration.days(90), noncurrentVersionExpiration: Duration.days(1) }],
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(this.records, {
      'AwsSolutions-S1': 'It holds the access logs and flow logs; logging who reads logs would log itself.',
    });
    this.input = settings.inputBucket
      ? s3.Bucket.fromBucketName(this, 'Input', settings.inputBucket)
      : this.dataBucket('Input', settings, []);
    this.output = settings.outputBucket
      ? s3.Bucket.fromBucketName(this, 'Output', settings.outputBucket)
      : this.dataBucket('Output', settings, [
          {
            id: 'intermediate',
            tagFilters: { [INTERMEDIATE_TAG.key]: INTERMEDIATE_TAG.value },
            expiration: Duration.days(settings.intermediateDays),
          },
        ]);
  }

  private dataBucket(id: string, settings: Settings, rules: readonly s3.LifecycleRule[]): s3.Bucket {
    return new s3.Bucket(this, id, {
      ...guarded(),
      serverAccessLogsBucket: this.records,
      serverAccessLogsPrefix: `access/${id.toLowerCase()}/`,
      lifecycleRules: [
        { id: 'unfinished', abortIncompleteMultipartUploadAfter: Duration.days(2) },
        {
          id: 'old-versions',
          noncurrentVersionExpiration: Duration.days(settings.oldVersionDays),
          expiredObjectDeleteMarker: true,
        },
        ...rules,
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

function guarded(): Partial<s3.BucketProps> {
  return {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    versioned: true,
  };
}
