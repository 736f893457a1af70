import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isFrustumError, SourceError } from '../core/errors.ts';
import { openAtomicFile } from '../io/atomic-file.ts';
import { Hiccup, retry } from '../io/retry.ts';
import { explainS3Failure } from '../io/s3-failure.ts';
import { createS3Client, parseS3Url } from '../io/s3-transport.ts';
import type { S3Options } from '../io/source-options.ts';
import { INTERMEDIATE_TAG } from './contract.ts';
import type { ObjectStore } from './object-store.ts';

/** Bytes of a part of a multipart upload; smaller objects go in one request. S3 takes at most 10,000 parts. */
const PART_BYTES = 16 * 1024 * 1024;
const MOST_PARTS = 10_000;
const ATTEMPTS = 6;

/**
 * A store under an `s3:` prefix. Objects are gathered in a temporary file, then sent: S3 shows them once they are whole. An
 * upload that fails is taken back; of killed processes, the bucket's lifecycle does that.
 * @throws SourceError if the URL is not `s3://BUCKET/PREFIX`
 */
export function openS3Store(folder: string, options: S3Options): ObjectStore {
  const url = folder.replace(/\/+$/, '');
  // A bucket's root is a prefix too, though no object.
  const { bucket, key: inside } = parseS3Url(`${url}/x`);
  const prefix = inside.slice(0, -1);
  const { client, anonymous } = createS3Client(options);
  const keyOf = (key: string) => `${prefix}${key}`;
  const urlOf = (key: string) => `${url}/${key}`;

  async function ask<T>(key: string, request: () => Promise<T>): Promise<T> {
    const attempt = async () => {
      try {
        return await request();
      } catch (error) {
        throw explainWrite(error, { url: urlOf(key), bucket, region: null, anonymous });
      }
    };
    return retry(attempt, {
      url: urlOf(key),
      attempts: ATTEMPTS,
      backoffMs: 200,
      signal: undefined,
      onRetry: () => undefined,
    });
  }

  const put = (key: string, body: Uint8Array) =>
    ask(key, async () => {
      const tagging = key.startsWith('shards/') && {
        Tagging: `${INTERMEDIATE_TAG.key}=${INTERMEDIATE_TAG.value}`,
      };
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(key), Body: body, ...tagging }));
    });

  async function putInParts(key: string, handle: FileHandle, size: number): Promise<void> {
    const place = { Bucket: bucket, Key: keyOf(key) };
    const tagging = key.startsWith('shards/') && {
      Tagging: `${INTERMEDIATE_TAG.key}=${INTERMEDIATE_TAG.value}`,
    };
    const { UploadId } = await ask(key, () =>
      client.send(new CreateMultipartUploadCommand({ ...place, ...tagging })),
    );
    const upload = { ...place, UploadId };
    try {
      const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
      const parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for (let offset = 0; offset < size; offset += partBytes) {
        const body = await readPart(handle, offset, Math.min(partBytes, size - offset));
        const PartNumber = parts.length + 1;
        const { ETag } = await ask(key, () =>
          client.send(new UploadPartCommand({ ...upload, PartNumber, Body: body })),
        );
        parts.push({ ETag, PartNumber });
      }
      await ask(key, () =>
        client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } })),
      );
    } catch (error) {
      await ask(key, () => client.send(new AbortMultipartUploadCommand(upload))).catch(() => undefined);
      throw error;
    }
  }

  return {
    url,
    local: false,
    urlOf,
    put: (key, text) => put(key, Buffer.from(text, 'utf8')),
    async create() {
      const file = await openAtomicFile(join(tmpdir(), `frustum-${randomUUID()}`));
      return {
        write: file.write,
        abort: file.abort,
        async commit(key) {
          try {
            await file.flush();
            const handle = await open(file.temporaryPath, 'r');
            try {
              const size = file.position;
              if (size > PART_BYTES) await putInParts(key, handle, size);
              else await put(key, await readPart(handle, 0, size));
            } finally {
              await handle.close();
            }
          } finally {
            await file.abort();
          }
        },
      };
    },
    async list(folderKey) {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const page = await ask(folderKey, () =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: folderKey === '' ? prefix : `${keyOf(folderKey)}/`,
              ...(token !== undefined && { ContinuationToken: token }),
            }),
          ),
        );
        for (const { Key } of page.Contents ?? []) if (Key) keys.push(Key.slice(prefix.length));
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
      return keys.sort();
    },
  };
}

async function readPart(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
}

/** What passes is tried again; what doesn't is told in words of writing and listing. */
function explainWrite(error: unknown, place: Parameters<typeof explainS3Failure>[1]): Error {
  const known = explainS3Failure(error, place);
  if (known instanceof Hiccup || !isFrustumError(known) || known.tag !== 'SourceError') return known;
  const { url, status } = known;
  const todo =
    status === 403 || status === 'AccessDenied'
      ? 'these credentials need s3:PutObject, s3:ListBucket and s3:AbortMultipartUpload there'
      : 'check bucket, prefix, endpoint and credentials';
  return new SourceError(`${url} cannot be written or listed (${status ?? 'no answer'}); ${todo}`, {
    url,
    status,
    cause: error,
  });
}
