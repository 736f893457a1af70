import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge, wildcard } from './acknowledge.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage.ts';

/**
 * A role for the code of one kind of job: reads the scenes' prefix, reads and writes the maps' prefix, and nothing else.
 * It can't delete: every version of a map stays until the bucket's own rule removes it.
 */
export function createJobRole(scope: Construct, id: string, settings: Settings, storage: Storage): iam.Role {
  const role = new iam.Role(scope, id, {
    // Only tasks of this account: another account's service can't be made to borrow the role.
    assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
    description: `Frustum: ${id}`,
  });
  const { input, output } = storage;
  const { inputPrefix, outputPrefix, inputKeyArn } = settings;
  const scenes = input.arnForObjects(`${inputPrefix}*`);
  const maps = output.arnForObjects(`${outputPrefix}*`);
  const list = (sid: string, bucketArn: string, prefix: string, ...more: readonly string[]) =>
    new iam.PolicyStatement({
      sid,
      actions: ['s3:ListBucket', ...more],
      resources: [bucketArn],
      conditions: { StringLike: { 's3:prefix': `${prefix}*` } },
    });
  role.addToPolicy(list('ListScenes', input.bucketArn, inputPrefix));
  role.addToPolicy(
    new iam.PolicyStatement({
      sid: 'ReadScenes',
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: [scenes],
    }),
  );
  if (inputKeyArn !== undefined) {
    role.addToPolicy(
      new iam.PolicyStatement({ sid: 'DecryptScenes', actions: ['kms:Decrypt'], resources: [inputKeyArn] }),
    );
  }
  // Uploads that a killed attempt left open are found, and taken back, by the next one.
  role.addToPolicy(list('ListMaps', output.bucketArn, outputPrefix, 's3:ListBucketMultipartUploads'));
  role.addToPolicy(
    new iam.PolicyStatement({
      sid: 'WriteMaps',
      actions: [
        's3:GetObject',
        's3:PutObject',
        's3:PutObjectTagging',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      resources: [maps],
    }),
  );
  acknowledge(role, {
    [wildcard(role, scenes)]: "Scenes' names are not known beforehand; reading ends at the prefix.",
    [wildcard(role, maps)]: "Maps' names are not known beforehand; writing ends at the prefix.",
  });
  return role;
}
