import { explainS3Failure } from '../io/s3-failure.ts';
import { createS3Client } from '../io/s3-transport.ts';
import type { S3Options } from '../io/source-options.ts';
import { type Finding, reasonOf } from './finding.ts';

/** How long a store may be silent. */
const PATIENCE_MS = 15_000;

/**
 * Whether the objects under an `s3://BUCKET/PREFIX` can be listed and read, and written if asked. Writing is tried by
 * beginning an upload and aborting it: nothing appears, and nobody needs to be allowed to delete.
 */
export async function checkBucket(url: string, write: boolean, options: S3Options): Promise<Finding> {
  const name = `bucket ${url}`;
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*))?$/i.exec(url) ?? [];
  if (bucket === undefined) {
    return { name, state: 'problem', found: 'is not an S3 URL', advice: 'give s3://BUCKET/PREFIX' };
  }
  const { client, anonymous } = createS3Client(options);
  const s3 = await import('@aws-sdk/client-s3');
  const done: string[] = [];
  let doing = 's3:ListBucket';
  try {
    const bounded = { abortSignal: AbortSignal.timeout(PATIENCE_MS) };
    const listed = await client.send(
      new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix ?? '', MaxKeys: 100 }),
      bounded,
    );
    const objects = (listed.Contents ?? []).filter(({ Size }) => (Size ?? 0) > 0);
    done.push(listed.KeyCount === 0 ? 'can be listed, nothing is there yet' : 'can be listed');
    const [object] = objects;
    if (object?.Key !== undefined) {
      doing = 's3:GetObject';
      const answer = await client.send(
        new s3.GetObjectCommand({ Bucket: bucket, Key: object.Key, Range: 'bytes=0-0' }),
        bounded,
      );
      await answer.Body?.transformToByteArray();
      done.push('read');
    }
    if (write) {
      doing = 's3:PutObject';
      const target = { Bucket: bucket, Key: `${prefix ?? ''}.frustum-doctor` };
      const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(target), bounded);
      doing = 's3:AbortMultipartUpload';
      await client.send(new s3.AbortMultipartUploadCommand({ ...target, UploadId }), bounded);
      done.push('written');
    }
    return { name, state: 'ok', found: done.join(', '), advice: null };
  } catch (error) {
    const region = await client.config.region().catch(() => null);
    const explained = explainS3Failure(error, { url, bucket, region, anonymous });
    const denied = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 403;
    const sofar = done.length === 0 ? '' : `${done.join(', ')}; but `;
    return {
      name,
      state: 'problem',
      found: `${sofar}${doing} failed: ${reasonOf(explained)}`,
      advice: denied
        ? `allow ${doing} on it to this identity, or correct what the message names`
        : 'correct what the message names; --s3-endpoint and --s3-region say where the store is',
    };
  } finally {
    client.destroy();
  }
}
