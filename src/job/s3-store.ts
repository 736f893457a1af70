import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AbortedError, isFrustumError, SourceError } from '../core/errors.ts';
import { openScratchFile, type ScratchFile } from '../io/atomic-file.ts';
import { Hiccup, retry } from '../io/retry.ts';
import { explainS3Failure } from '../io/s3-failure.ts';
import { createS3Client, parseS3Url } from '../io/s3-transport.ts';
import type { S3Options, SourceOptions } from '../io/source-options.ts';
import { INTERMEDIATE_TAG } from './contract.ts';
import type { ObjectStore } from './object-store.ts';

/** Bytes of a part of a multipart upload; smaller objects go in one request. S3 takes at most 10,000 parts. */
const PART_BYTES = 16 * 1024 * 1024;
const MOST_PARTS = 10_000;
/** Milliseconds that the store is given to take an upload back once the run was stopped. */
const TAKE_BACK_MS = 4000;

/** How writing is tried. */
export interface S3WriteOptions extends Pick<SourceOptions, 'attempts' | 'stallMs' | 'backoffMs'> {
  /** Once it fires, requests are given up, and uploads under way taken back. */
  readonly signal?: AbortSignal;
}

/**
 * A store under an `s3:` prefix. Objects are gathered in a nameless temporary file, then sent: S3 shows them once they are
 * whole. An upload that fails or is stopped is taken back. What a killed process left open of one is taken back by
 * whoever next puts the same object in parts, and by the bucket's lifecycle.
 * @throws SourceError if the URL is not `s3://BUCKET/PREFIX`
 */
export function openS3Store(folder: string, options: S3Options, writing: S3WriteOptions = {}): ObjectStore {
  const url = folder.replace(/\/+$/, '');
  // A bucket's root is a prefix too, though no object.
  const { bucket, key: inside } = parseS3Url(`${url}/x`);
  const prefix = inside.slice(0, -1);
  const { client, anonymous } = createS3Client(options);
  const { signal, attempts = 6, stallMs = 30_000, backoffMs = 200 } = writing;
  // Of a connection on which nothing moves, in either direction. The SDK's type leaves its own handler's settings out.
  const handler = client.config.requestHandler as {
    updateHttpClientConfig?: (key: string, value: number) => void;
  };
  handler.updateHttpClientConfig?.('socketTimeout', stallMs);
  const keyOf = (key: string) => `${prefix}${key}`;
  const urlOf = (key: string) => `${url}/${key}`;

  async function ask<T>(
    key: string,
    request: (options: { abortSignal?: AbortSignal }) => Promise<T>,
    stop: AbortSignal | undefined = signal,
  ): Promise<T> {
    const attempt = async () => {
      try {
        return await request(stop ? { abortSignal: stop } : {});
      } catch (error) {
        if (stop?.aborted) throw new AbortedError(`writing ${urlOf(key)} was stopped`, { cause: error });
        throw explainWrite(error, { url: urlOf(key), bucket, region: null, anonymous });
      }
    };
    return retry(attempt, {
      url: urlOf(key),
      attempts,
      backoffMs,
      signal: stop,
      onRetry: () => undefined,
    });
  }

  const taggingOf = (key: string) =>
    key.startsWith('shards/') && { Tagging: `${INTERMEDIATE_TAG.key}=${INTERMEDIATE_TAG.value}` };

  const put = (key: string, body: Uint8Array) =>
    ask(key, async (sending) => {
      const command = { Bucket: bucket, Key: keyOf(key), Body: body, ...taggingOf(key) };
      await client.send(new PutObjectCommand(command), sending);
    });

  /** Uploads of this very key that are open, as far as these credentials may ask. */
  async function openUploads(key: string): Promise<readonly string[]> {
    const command = { Bucket: bucket, Prefix: keyOf(key) };
    const { Uploads } = await ask(key, (sending) =>
      client.send(new ListMultipartUploadsCommand(command), sending),
    ).catch((error: unknown) => {
      if (isFrustumError(error) && error.tag === 'SourceError') return { Uploads: [] };
      throw error;
    });
    return (Uploads ?? []).flatMap(({ Key, UploadId }) => (Key === keyOf(key) && UploadId ? [UploadId] : []));
  }

  const takeBack = (key: string, UploadId: string | undefined) =>
    ask(
      key,
      (sending) =>
        client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: keyOf(key), UploadId }), sending),
      signal?.aborted ? AbortSignal.timeout(TAKE_BACK_MS) : signal,
    ).catch(() => undefined);

  async function sendParts(key: string, file: ScratchFile): Promise<void> {
    const place = { Bucket: bucket, Key: keyOf(key) };
    const { UploadId } = await ask(key, (sending) =>
      client.send(new CreateMultipartUploadCommand({ ...place, ...taggingOf(key) }), sending),
    );
    const upload = { ...place, UploadId };
    try {
      const size = file.position;
      const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
      const parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for (let offset = 0; offset < size; offset += partBytes) {
        const Body = await file.read(offset, Math.min(partBytes, size - offset));
        const PartNumber = parts.length + 1;
        const { ETag } = await ask(key, (sending) =>
          client.send(new UploadPartCommand({ ...upload, PartNumber, Body }), sending),
        );
        parts.push({ ETag, PartNumber });
      }
      await ask(key, (sending) =>
        client.send(
          new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }),
          sending,
        ),
      );
    } catch (error) {
      await takeBack(key, UploadId);
      throw error;
    }
  }

  /**
   * Uploads that were open before this one began are a killed process's, or of another worker that does the same now.
   * Which of the two can't be told, so they are taken back only when the object is there; that other worker then finds its
   * upload gone, and sends it once more.
   */
  async function putInParts(key: string, file: ScratchFile): Promise<void> {
    const earlier = await openUploads(key);
    for (let sent = 1; ; sent++) {
      try {
        await sendParts(key, file);
        break;
      } catch (error) {
        if (sent >= attempts || !isUploadGone(error)) throw error;
      }
    }
    for (const id of earlier) await takeBack(key, id);
  }

  return {
    url,
    local: false,
    urlOf,
    put: (key, text) => put(key, Buffer.from(text, 'utf8')),
    async create() {
      const file = await openScratchFile(join(tmpdir(), 'frustum-upload'));
      return {
        write: file.write,
        abort: file.close,
        async commit(key) {
          try {
            const size = file.position;
            if (size > PART_BYTES) await putInParts(key, file);
            else await put(key, await file.read(0, size));
          } finally {
            await file.close();
          }
        },
      };
    },
    async list(folderKey) {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const page = await ask(folderKey, (sending) =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: folderKey === '' ? prefix : `${keyOf(folderKey)}/`,
              ...(token !== undefined && { ContinuationToken: token }),
            }),
            sending,
          ),
        );
        for (const { Key } of page.Contents ?? []) if (Key) keys.push(Key.slice(prefix.length));
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
      return keys.sort();
    },
  };
}

function isUploadGone(error: unknown): boolean {
  const { cause } = error as { cause?: { name?: string } };
  return isFrustumError(error) && error.tag === 'SourceError' && cause?.name === 'NoSuchUpload';
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
