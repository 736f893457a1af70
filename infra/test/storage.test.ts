import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { INTERMEDIATE_TAG } from '../../src/job/contract.ts';
import { resource, resources, synthesise } from './support.ts';

describe('buckets', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise({ intermediateDays: '5', oldVersionDays: '9' });
  });

  it('are encrypted, versioned and never public', () => {
    template.resourceCountIs('AWS::S3::Bucket', 3);
    template.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  it('refuse plain HTTP', () => {
    template.resourceCountIs('AWS::S3::BucketPolicy', 3);
    template.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Action: 's3:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });

  it('keep data when the stack goes, and only data', () => {
    const policies = Object.entries(template.findResources('AWS::S3::Bucket')).map(([id, r]) => [
      id.replace(/[0-9A-F]{8}$/, ''),
      r.DeletionPolicy,
    ]);
    expect(Object.fromEntries(policies)).toEqual({
      StorageInput: 'Retain',
      StorageOutput: 'Retain',
      StorageRecords: 'Delete',
    });
    const retained = Object.values(template.toJSON().Resources as Record<string, Record<string, unknown>>)
      .filter((r) => r.DeletionPolicy === 'Retain' || r.UpdateReplacePolicy === 'Retain')
      .map((r) => r.Type);
    expect(new Set(retained)).toEqual(new Set(['AWS::S3::Bucket']));
  });

  it('forget uploads that were never finished, old versions, and what later steps made superfluous', () => {
    const [, output] = resource(template, 'AWS::S3::Bucket', 'StorageOutput');
    const { Rules } = output.LifecycleConfiguration as { Rules: Record<string, unknown>[] };
    expect(Rules).toEqual([
      { Id: 'unfinished', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } },
      {
        Id: 'old-versions',
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 9 },
        ExpiredObjectDeleteMarker: true,
      },
      {
        Id: 'intermediate',
        Status: 'Enabled',
        ExpirationInDays: 5,
        TagFilters: [{ Key: INTERMEDIATE_TAG.key, Value: INTERMEDIATE_TAG.value }],
      },
    ]);
    const [, input] = resource(template, 'AWS::S3::Bucket', 'StorageInput');
    expect((input.LifecycleConfiguration as { Rules: { Id: string }[] }).Rules.map(({ Id }) => Id)).toEqual([
      'unfinished',
      'old-versions',
    ]);
  });

  it('record who reads them', () => {
    for (const name of ['Input', 'Output']) {
      const [, bucket] = resource(template, 'AWS::S3::Bucket', `Storage${name}`);
      expect(bucket.LoggingConfiguration).toMatchObject({ LogFilePrefix: `access/${name.toLowerCase()}/` });
    }
  });

  it('may be there already: then none is made, and roles name the existing one', () => {
    const existing = synthesise({ inputBucket: 'my-scenes', inputPrefix: '', outputBucket: 'my-maps' });
    expect(resources(existing, 'AWS::S3::Bucket').map(([id]) => id)).toEqual([
      expect.stringMatching(/^StorageRecords/),
    ]);
    const text = JSON.stringify(existing.findResources('AWS::IAM::Policy'));
    expect(text).toContain(':s3:::my-scenes/*');
    expect(text).toContain(':s3:::my-maps/maps/*');
  });
});
